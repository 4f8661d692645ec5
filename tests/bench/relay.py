# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An ssh connection that takes longer, for ssh's ProxyCommand:

python relay.py ADDRESS PORT SECONDS

SECONDS is what each direction takes; how much goes through at a time is not limited.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys


async def delayed(reader, write, seconds):
    """Give what comes to write(), each part so many seconds after it came, and None at its end."""
    loop = asyncio.get_running_loop()
    waiting = asyncio.Queue()

    async def collect():
        while part := await reader.read(65536):
            waiting.put_nowait((loop.time() + seconds, part))
        waiting.put_nowait((loop.time() + seconds, None))

    collecting = asyncio.ensure_future(collect())
    while True:
        due, part = await waiting.get()
        await asyncio.sleep(max(0.0, due - loop.time()))
        await write(part)
        if part is None:
            return await collecting


async def relay(address, port, seconds):
    reader, writer = await asyncio.open_connection(address, port)
    loop = asyncio.get_running_loop()
    typed = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(typed), sys.stdin.buffer)

    async def to_host(part):
        if part is None:
            writer.write_eof()
        else:
            writer.write(part)
            await writer.drain()

    def show(part):
        sys.stdout.buffer.write(part)
        sys.stdout.buffer.flush()

    async def to_ssh(part):
        # What a transport still holds when the loop ends would be lost.
        if part is not None:
            await loop.run_in_executor(None, show, part)

    sending = asyncio.ensure_future(delayed(typed, to_host, seconds))
    # ssh ends when the host has nothing more to say.
    await delayed(reader, to_ssh, seconds)
    sending.cancel()


if __name__ == "__main__":
    with contextlib.suppress(ConnectionError, KeyboardInterrupt):
        asyncio.run(relay(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
