import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ClientSession, connect } from 'rtmpipe'
import { Program } from './programs.ts'

type Scope = { teardown(end: () => unknown): unknown }

/** A port of loopback that nobody listened on a moment ago. */
export async function freePort(): Promise<number> {
  const server = net.createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}

/** A session with a program that may not listen yet. */
export async function reached(url: string): Promise<ClientSession> {
  for (;;) {
    try {
      return await connect(url)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') throw error
    }
  }
}

/** Settles when somebody listens there. */
export async function listening(port: number): Promise<void> {
  for (;;) {
    const socket = net.connect(port, '127.0.0.1')
    const isThere = await new Promise(resolve => socket.once('connect', () => resolve(true)).once('error', resolve))
    socket.destroy()
    if (isThere === true) return
    await sleep(20)
  }
}

const MODULE = '/usr/lib/nginx/modules/ngx_rtmp_module.so'

/** nginx-rtmp with an application `live` and, of the films in the folder, one `vod`; the base of its URLs. */
export async function nginx(t: Scope, folder: string, more = ''): Promise<string> {
  const port = await freePort()
  const home = join(folder, 'nginx')
  mkdirSync(home)
  const file = join(home, 'nginx.conf')
  writeFileSync(
    file,
    `load_module ${MODULE};
     user root;
     daemon off; master_process off; pid ${home}/pid; error_log ${home}/error.log info;
     events {}
     rtmp { server { listen 127.0.0.1:${port}; access_log ${home}/access.log;
       application live { live on; publish_notify on; ${more} }
       application vod { play ${folder}; }
     } }`
  )
  new Program(t, 'nginx', ['-p', home, '-c', file])
  await listening(port)
  return `rtmp://127.0.0.1:${port}`
}

/** Settles when so many have asked nginx to play something. */
export async function played(folder: string, count: number): Promise<void> {
  const log = join(folder, 'nginx', 'error.log')
  while ((readFileSync(log, 'utf8').match(/ play: name=/g)?.length ?? 0) < count) await sleep(20)
}
