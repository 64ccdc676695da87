// Drives a browser for the host, which says over a socket what to do; its answers are the host's only view of a page.
//
// A page's verdict is taken by a setter of the page's own variable, at the very moment when it first says that it is
// done. What the agent sees never holds the page's display of rewards, nor an attribute that a page gave an element but
// what its name, its state or its placeholder is made of.
//
// It runs in the Node.js that Playwright brings along:  node browser.js EXECUTABLE [FLAG ...]
'use strict';

const crypto = require('crypto');
const net = require('net');
const { chromium, errors } = require('/hgm/playwright/driver/package');

const HEADED = '--hgm-headed';
const SOCKET = '/hgm/browser/sock';
const MOST = 1 << 20;
const SIZE = { width: 332, height: 214 };
const ASIDE = [331, 213];
const ACTION_MS = 2000;
const LOAD_MS = 15000;
const DRAG_STEPS = 8;
const TEXT = 20000;
const NOTES = 5;
const HIDDEN = 'hgm-not-shown';

// Runs in the page before any script of its own; `tell` is a function that reaches this program,
// `look` one that is made for it.
const latch = ([look, tell]) => {
  let current = false, armed = false, first = null;
  const say = window[tell];
  Object.defineProperty(window, 'WOB_DONE_GLOBAL', {
    get: () => current,
    set: (value) => {
      current = value;
      if (!armed || !value || first !== null) return;
      const raw = Number(window.WOB_RAW_REWARD_GLOBAL);
      first = Number.isFinite(raw) ? raw : -1;
      say(first);
    },
  });
  // A snapshot has a line for what may be clicked, even if it has neither role nor text, if its cursor says so.
  const listening = new WeakSet();
  const listen = EventTarget.prototype.addEventListener;
  EventTarget.prototype.addEventListener = function (type, ...rest) {
    if (this instanceof Element && ['click', 'mousedown', 'mouseup'].includes(type)) listening.add(this);
    return listen.call(this, type, ...rest);
  };
  const mark = () => {
    for (const found of document.querySelectorAll('#wrap *, body > :not(#wrap) *')) {
      const takes = listening.has(found) || found.onclick || found.onmousedown || found.hasAttribute('tabindex');
      if (!takes || ['area', 'query'].includes(found.id) || found.matches('input, textarea, select')) continue;
      found.style.cursor = 'pointer';
      if (!(found instanceof HTMLSpanElement) || found.hasAttribute('role')) continue;
      const style = getComputedStyle(found); // words in a sentence have no line of their own but by a role
      if (style.display !== 'inline' || !found.textContent.trim()) continue;
      found.setAttribute('role', style.textDecorationLine.includes('underline') ? 'link' : 'button');
    }
  };
  Object.defineProperty(window, look, {
    value: (arm) => {
      armed = armed || arm;
      if (!arm && first === null) mark();
      return first;
    },
  });
};

const start = ([look, seed, hidden]) => {
  for (const id of ['query', 'reward-display', 'sync-task-cover', 'click-canvas']) {
    const found = document.getElementById(id);
    if (found) {
      found.setAttribute('role', 'group');
      found.setAttribute('aria-label', hidden);
    }
  }
  const field = document.body.appendChild(document.createElement('textarea'));
  field.value = '-'; // so that nobody finds what was copied in an earlier episode
  field.select();
  document.execCommand('copy');
  field.remove();
  if (window.jQuery) jQuery.fx.off = true; // what is seen in the middle of a move depends on the machine's speed
  Math.seedrandom(seed);
  core.EPISODE_MAX_TIME = 2e9;
  window[look](true);
  core.startEpisodeReal();
};

const ready = () => WOB_TASK_READY === true && [...document.images].every((image) => image.complete);
const goal = () => {
  const said = core.getUtterance();
  return String(said && typeof said === 'object' ? said.utterance : said);
};
const frames = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));

const REASONS = [
  ['intercepts pointer events', 'another element covers it'],
  ['outside of the viewport', 'it is outside of what is seen, and cannot be scrolled there'],
  ['element is not visible', 'it is not visible'],
  ['element is not enabled', 'it is disabled'],
  ['element is not editable', 'it cannot be edited'],
  ['element is not stable', 'it does not stop moving'],
  ['not an <input>', 'it is no text field'],
  ['not a <select>', 'it is no list to select from'],
  ['did not find some options', 'it has no such option'],
  ['Malformed value', 'it does not take such a value'],
  ['Cannot type text into', 'it does not take text'],
  ['cannot be filled', 'it does not take text'],
];

class Refused extends Error {}

// Why Playwright did not do it, without its log, which quotes attributes of the page.
function reason(error) {
  if (error instanceof Refused) return error.message;
  for (const [part, words] of REASONS) if (error.message.includes(part)) return words;
  return error instanceof errors.TimeoutError ? `it could not be done within ${ACTION_MS} ms` : 'it could not be done';
}

// A snapshot without the page's goal and its display, which stand there under a label, and without the prefix of its
// refs, which counts the pages that this browser has shown.
function shown(text, prefix) {
  const kept = [];
  let hidden = null;
  for (const line of text.split('\n')) {
    const depth = line.length - line.trimStart().length;
    if (hidden !== null && depth > hidden) continue;
    hidden = line.trimStart().startsWith(`- group "${HIDDEN}"`) ? depth : null;
    if (line.trimStart().startsWith('- /url:')) continue;
    if (hidden === null) kept.push(prefix ? line.replace(`[ref=${prefix}e`, '[ref=e') : line);
  }
  const all = kept.join('\n');
  return all.length <= TEXT ? all : `${all.slice(0, all.lastIndexOf('\n', TEXT))}\n- text: "[cut]"`;
}

async function middle(found) {
  const box = await found.boundingBox();
  if (box === null) throw new Refused('it is not visible');
  return [box.x + box.width / 2, box.y + box.height / 2];
}

class Driver {
  constructor(browser) {
    this.browser = browser;
    this.look = `hgm${crypto.randomBytes(12).toString('hex')}`;
    this.tell = `hgm${crypto.randomBytes(12).toString('hex')}`;
    this.context = this.page = null;
    this.isWatching = false;
    this.prefix = '';
    this.notes = [];
  }

  // A page that knows nothing of those before it.
  async renew() {
    if (this.context !== null) await this.context.close();
    this.context = await this.browser.newContext({ viewport: SIZE, acceptDownloads: false, serviceWorkers: 'block' });
    this.context.setDefaultTimeout(ACTION_MS);
    this.context.setDefaultNavigationTimeout(LOAD_MS);
    await this.context.exposeBinding(this.tell, (source, raw) => this.done(source, raw));
    await this.context.addInitScript(latch, [this.look, this.tell]);
    this.page = await this.context.newPage();
    this.context.on('page', (page) => {
      this.note('a new window was closed at once');
      page.close().catch(() => {});
    });
    this.page.on('dialog', (dialog) => {
      this.note(`the page said, and it was dismissed: ${dialog.message().slice(0, 200)}`);
      dialog.dismiss().catch(() => {});
    });
    this.page.on('filechooser', () => this.note('the page asked for a file, and got none'));
    this.page.on('framenavigated', (frame) => {
      if (!this.isWatching || frame !== this.page.mainFrame()) return;
      if (frame.url() === this.url || frame.url().startsWith(`${this.url}#`)) {
        this.isReloaded().catch(() => {});
        return;
      }
      this.away = this.away || (frame.url().split(/[?#]/)[0] === this.url ? 'reloaded' : 'elsewhere');
    });
  }

  // The same address again is either a place in the page, or the page without its episode.
  async isReloaded() {
    const knows = await this.page.evaluate(() => typeof core !== 'undefined' && core.EPISODE_MAX_TIME === 2e9);
    if (!knows) this.away = this.away || 'reloaded';
  }

  note(words) {
    if (this.notes.length < NOTES) this.notes.push(words);
  }

  done(source, raw) {
    if (source.frame === this.page.mainFrame() && this.first === null) this.first = raw;
  }

  async load({ url, seed }) {
    this.isWatching = false;
    if (this.page === null || this.page.isClosed()) await this.renew();
    for (const key of ['Shift', 'Control']) await this.page.keyboard.up(key);
    for (const button of ['left', 'right']) await this.page.mouse.up({ button });
    await this.page.mouse.move(...ASIDE);
    Object.assign(this, { url, away: '', notes: [], first: null });
    await this.page.goto(url, { waitUntil: 'load' });
    this.first = null;
    await this.page.evaluate(start, [this.look, seed, HIDDEN]);
    await this.page.waitForFunction(ready, null, { timeout: LOAD_MS });
    this.isWatching = true;
    return { goal: await this.page.evaluate(goal), ...this.end() };
  }

  // Whether it is over, and how; and what may be clicked is marked for the next snapshot.
  async state() {
    if (!this.away && this.first === null) {
      try {
        const first = await this.page.evaluate((look) => window[look](false), this.look);
        if (this.first === null && !this.away) this.first = first;
      } catch (error) {
        await this.page.waitForLoadState('load'); // it is on its way to another page
        if (!this.away) throw error;
      }
    }
    return this.end();
  }

  end() {
    return { first: this.first, away: this.first === null ? this.away : '' };
  }

  async observe({ screenshot }) {
    const state = await this.state();
    if (state.first !== null || state.away) return { text: '', ...state };
    const text = await this.page.locator('body').ariaSnapshot({ mode: 'ai', boxes: true, timeout: LOAD_MS });
    this.prefix = (/\[ref=(f\d+)e\d+\]/.exec(text) || ['', ''])[1];
    const seen = { text: shown(text, this.prefix) };
    if (screenshot) {
      const how = { animations: 'allow', caret: 'initial', scale: 'css', timeout: LOAD_MS };
      const taken = await this.page.screenshot(how);
      seen.screenshot = taken.toString('base64');
    }
    return { ...seen, ...this.end() };
  }

  async act({ action, screenshot }) {
    const { name, ...given } = action;
    this.notes = [];
    let error = '';
    try {
      await ACTIONS[name](this.page, given, this);
    } catch (trouble) {
      error = reason(trouble);
    }
    return { error, ...(await this.observe({ screenshot })), notes: this.notes };
  }

  // What a line of the last observation stands for.
  async element(bid) {
    const found = this.page.locator(`aria-ref=${bid.startsWith('e') ? this.prefix : ''}${bid}`);
    if (!(await found.count())) throw new Refused(`there is no element ${bid} any more`);
    return found;
  }

  async drag(from, to) {
    await this.page.mouse.move(...from);
    await this.page.mouse.down();
    await this.page.mouse.move(...to, { steps: DRAG_STEPS });
    await this.page.mouse.up();
  }
}

const ACTIONS = {
  click: async (page, { bid, ...held }, driver) => (await driver.element(bid)).click(held),
  dblclick: async (page, { bid, ...held }, driver) => (await driver.element(bid)).dblclick(held),
  hover: async (page, { bid }, driver) => (await driver.element(bid)).hover(),
  fill: async (page, { bid, value }, driver) => (await driver.element(bid)).fill(value),
  clear: async (page, { bid }, driver) => (await driver.element(bid)).fill(''),
  focus: async (page, { bid }, driver) => (await driver.element(bid)).focus(),
  press: async (page, { bid, key_comb: key }, driver) => (await driver.element(bid)).press(key),
  select_option: async (page, { bid, options }, driver) => (await driver.element(bid)).selectOption(options),
  drag_and_drop: async (page, { from_bid: from, to_bid: to }, driver) => {
    const [source, target] = [await driver.element(from), await driver.element(to)];
    await source.scrollIntoViewIfNeeded();
    await driver.drag(await middle(source), await middle(target));
  },
  scroll: async (page, { delta_x: x, delta_y: y }) => {
    await page.mouse.wheel(x, y);
    await page.evaluate(frames);
  },
  mouse_move: (page, { x, y }) => page.mouse.move(x, y),
  mouse_down: async (page, { x, y, button }) => {
    await page.mouse.move(x, y);
    await page.mouse.down({ button });
  },
  mouse_up: async (page, { x, y, button }) => {
    await page.mouse.move(x, y);
    await page.mouse.up({ button });
  },
  mouse_click: (page, { x, y, button }) => page.mouse.click(x, y, { button }),
  mouse_dblclick: (page, { x, y, button }) => page.mouse.dblclick(x, y, { button }),
  mouse_drag_and_drop: (page, at, driver) => driver.drag([at.from_x, at.from_y], [at.to_x, at.to_y]),
  keyboard_press: (page, { key }) => page.keyboard.press(key),
  keyboard_type: (page, { text }) => page.keyboard.type(text),
  noop: (page, { wait_ms: wait = 0 }) => page.waitForTimeout(wait),
};

function send(connection, message) {
  const data = Buffer.from(JSON.stringify(message));
  const head = Buffer.alloc(4);
  head.writeUInt32BE(data.length);
  connection.write(Buffer.concat([head, data]));
}

// The host's messages, each a length and as much JSON; they end when it has heard enough.
async function* messages(connection) {
  let rest = Buffer.alloc(0);
  for await (const piece of connection) {
    rest = Buffer.concat([rest, piece]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE()) {
      const length = rest.readUInt32BE();
      yield JSON.parse(rest.subarray(4, 4 + length).toString());
      rest = rest.subarray(4 + length);
    }
    if (rest.length > MOST) throw new Error('a message is too long');
  }
}

async function main() {
  const [executablePath, ...given] = process.argv.slice(2);
  const args = given.filter((flag) => flag !== HEADED);
  const headless = args.length === given.length;
  const connection = net.connect(SOCKET);
  const browser = await chromium.launch({ executablePath, args, headless, timeout: 3 * LOAD_MS });
  const driver = new Driver(browser);
  send(connection, { ready: browser.version() });
  for await (const { do: what, ...given } of messages(connection)) {
    let answer;
    try {
      answer = await driver[what](given);
    } catch (error) {
      answer = { trouble: String(error.message).slice(0, 2000) };
    }
    send(connection, answer);
  }
  process.exit(0);
}

main().catch((error) => {
  console.error(String(error.stack));
  process.exit(1);
});
