/** The statistics that hgm itself uses (trees/statistics.py), for points in time that a document does not state. */

const Z95 = 1.959963984540054;

/** Wilson's 95 % score interval; all of [0, 1] where nothing was measured. */
export function wilson(successes: number, measured: number): [number, number] {
  if (measured === 0) return [0, 1];
  const share = successes / measured;
  const square = Z95 ** 2;
  const middle = share + square / (2 * measured);
  const half = Z95 * Math.sqrt((share * (1 - share)) / measured + square / (4 * measured ** 2));
  const scale = 1 + square / measured;
  return [successes > 0 ? (middle - half) / scale : 0, successes < measured ? (middle + half) / scale : 1];
}

/** The 1 % quantile of Beta(1 + successes, 1 + failures). */
export function bestBelief(successes: number, failures: number): number {
  return betaQuantile(0.01, 1 + successes, 1 + failures);
}

/** The x at which the distribution function of Beta(a, b) is `share`, to about 1e-10; a and b at least 1. */
export function betaQuantile(share: number, a: number, b: number): number {
  const scale = logGamma(a + b) - logGamma(a) - logGamma(b);
  let low = 0;
  let high = 1;
  let x = a / (a + b);
  for (let step = 0; step < 100 && high - low > 1e-11; step++) {
    const error = regularisedBeta(x, a, b, scale) - share;
    if (error > 0) high = x;
    else low = x;
    const density = Math.exp(scale + (a - 1) * Math.log(x) + (b - 1) * Math.log1p(-x));
    const newton = x - error / density;
    const next = newton > low && newton < high ? newton : (low + high) / 2;
    if (Math.abs(next - x) < 1e-12) return next;
    x = next;
  }
  return x;
}

function regularisedBeta(x: number, a: number, b: number, scale: number): number {
  const front = Math.exp(scale + a * Math.log(x) + b * Math.log1p(-x));
  return x < (a + 1) / (a + b + 2) ? (front * fraction(x, a, b)) / a : 1 - (front * fraction(1 - x, b, a)) / b;
}

/** The continued fraction of the incomplete beta function, by Lentz's method. */
function fraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  let c = 1;
  let d = 1 / nonzero(1 - ((a + b) * x) / (a + 1), tiny);
  let result = d;
  for (let m = 1; m < 500; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / nonzero(1 + even * d, tiny);
    c = nonzero(1 + even / c, tiny);
    result *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / nonzero(1 + odd * d, tiny);
    c = nonzero(1 + odd / c, tiny);
    result *= d * c;
    if (Math.abs(d * c - 1) < 1e-14) break;
  }
  return result;
}

function nonzero(value: number, tiny: number): number {
  return Math.abs(value) < tiny ? tiny : value;
}

/** Lanczos's approximation, for arguments of at least 1. */
function logGamma(x: number): number {
  const coefficients = [
    76.18009172947146, -86.50532032941677, 24.01409824083091, -1.231739572450155, 0.1208650973866179e-2, -0.5395239384953e-5,
  ];
  const shifted = x + 5.5;
  const sum = coefficients.reduce((total, value, index) => total + value / (x + 1 + index), 1.000000000190015);
  return (x + 0.5) * Math.log(shifted) - shifted + Math.log((2.5066282746310005 * sum) / x);
}
