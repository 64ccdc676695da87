"""All live leases of a gateway, each with its folder, socket and note on disk; a killed gateway's successor finds them.

<folder>/<job>/sock      0666 in 0711: what a sandbox mounts (the folder, so that a restart is not noticed)
<folder>/.leases/<job>   0600: specification and token, while the lease lives
"""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

from hgm.errors import ConfigError, GatewayError, boundary
from hgm.gateway.live import LiveLease, final_usage
from hgm.gateway.order import LEASE_SOCKET, LONGEST_PATH
from hgm.gateway.records import JOB_NAME, Json, LeaseSpec, Usage, spec_from_json
from hgm.gateway.settings import Settings
from hgm.gateway.wire import Listener, Wire
from hgm.redaction import Redactor


class Leases:
    """Opens, finds and closes leases."""

    def __init__(
        self, folder: Path, *, trajectories: Path, wire: Wire, tombstone: Path, redactor: Redactor, settings: Settings
    ) -> None:
        self._folder = folder
        self._trajectories = trajectories
        self._wire = wire
        self._tombstone = tombstone
        self._redactor = redactor
        self._settings = settings
        self._live: dict[str, tuple[LiveLease, Listener]] = {}

    async def open(self, spec: LeaseSpec, token: str) -> Path:
        """Start a lease and return its folder. Asking again with the same token changes nothing.

        Raises:
            ConfigError: the folder's path is too long for a socket.
            GatewayError: the job has a live lease, or its files cannot be written.
        """
        if spec.job in self._live:
            if self._live[spec.job][0].token != token:
                raise GatewayError(f"job {spec.job} has a live lease already")
            return self._folder / spec.job
        self._check_length(spec.job)
        with boundary(GatewayError, f"cannot open the lease of {spec.job}"):
            lease = LiveLease.open(
                spec, token, path=self._trajectory(spec.job), redact=self._redact(token), settings=self._settings
            )
            try:
                shutil.rmtree(self._folder / spec.job, ignore_errors=True)
                self._note(spec.job).write_text(json.dumps({"spec": asdict(spec), "token": token}))
                return await self._serve(lease)
            except BaseException:
                await lease.close()
                raise

    async def restore(self) -> None:
        """Take over every lease that was live when the last gateway in this folder died.

        Raises:
            GatewayError: one of them cannot be restored.
        """
        with boundary(GatewayError, "cannot restore the leases"):
            for note in sorted((self._folder / ".leases").iterdir()):
                content: Json = json.loads(note.read_text())
                spec, token = spec_from_json(content["spec"]), content["token"]
                lease = LiveLease.restored(
                    spec, token, path=self._trajectory(spec.job), redact=self._redact(token), settings=self._settings
                )
                await self._serve(lease)

    def usage(self, job: str) -> Usage:
        """What the job's latest lease has used, live or closed.

        Raises:
            GatewayError: there never was one.
        """
        if job in self._live:
            return self._live[job][0].usage()
        usage = final_usage(self._trajectory(job)) if JOB_NAME.fullmatch(job) else None
        if usage is None:
            raise GatewayError(f"job {job} has no lease")
        return usage

    async def close(self, job: str) -> Usage:
        """Revoke a lease; its socket answers 409 from now on. Idempotent.

        Raises:
            GatewayError: there never was one, or its trajectory cannot be written.
        """
        if job not in self._live:
            return self.usage(job)
        lease, listener = self._live.pop(job)
        try:
            return await lease.close()
        finally:
            self._note(job).unlink(missing_ok=True)
            listener.close(tombstone=self._tombstone)

    async def close_all(self) -> None:
        """Revoke all of them."""
        for job in [*self._live]:
            await self.close(job)

    async def _serve(self, lease: LiveLease) -> Path:
        home = self._folder / lease.spec.job
        home.mkdir(exist_ok=True)
        home.chmod(0o711)
        listener = await self._wire.listen(home / LEASE_SOCKET, mode=0o666, app_state={"lease": lease})
        self._live[lease.spec.job] = lease, listener
        return home

    def _redact(self, token: str) -> Redactor:
        return self._redactor.extended(token)

    def _note(self, job: str) -> Path:
        return self._folder / ".leases" / job

    def _trajectory(self, job: str) -> Path:
        return self._trajectories / f"{job}.jsonl.zst"

    def _check_length(self, job: str) -> None:
        path = self._folder / job / LEASE_SOCKET
        if len(bytes(path)) >= LONGEST_PATH:
            raise ConfigError(f"{path} is {len(bytes(path))} bytes, a socket's path stays under {LONGEST_PATH}")
