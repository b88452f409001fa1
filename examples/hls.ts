/**
 * HLS, made by ffmpeg and served on the port of RTMP. This example shows how to:
 *  1. feed a program by its stdin, and restart it when it has died: it continues its playlist;
 *  2. serve the files that it writes, by a handler of node:http;
 *  3. let only plain names become folders, for stream names are untrusted.
 *
 *   npm run build && node dist/examples/hls.js FOLDER [PORT]
 *   ffmpeg -re -i film.flv -c copy -f flv rtmp://127.0.0.1/live/film
 *   ffplay http://127.0.0.1:1935/film/index.m3u8
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type net from 'node:net'
import { join } from 'node:path'
import { pipeline } from 'node:stream'
import { pipeline as piped } from 'node:stream/promises'
import { createServer, flvEncoder, type LiveStream, LiveStreams, Refused, Relay } from 'rtmpipe'

const [folder, port = '1935'] = process.argv.slice(2)
if (folder === undefined) {
  console.error('usage: hls FOLDER [PORT]')
  process.exit(2)
}
const list = ['-hls_time', '2', '-hls_list_size', '6', '-hls_flags', 'delete_segments+append_list']
const types = { m3u8: 'application/vnd.apple.mpegurl', ts: 'video/mp2t' }
const lives = new LiveStreams()
const report = (error?: Error | null) => error && console.log(error.message)

const segment = (live: LiveStream, cwd: string): Relay =>
  new Relay(async (signal, is) => {
    if (!live.isLive) return true
    const args = ['-v', 'error', '-f', 'flv', '-i', '-', '-c', 'copy', '-f', 'hls', ...list]
    const child = spawn('ffmpeg', [...args, '-hls_segment_filename', '%d.ts', 'index.m3u8'], {
      cwd,
      stdio: ['pipe', 'ignore', 'inherit']
    })
    is('live')
    console.log(`ffmpeg is process ${child.pid}`)
    await Promise.all([piped(live.subscribe(), flvEncoder(), child.stdin, { signal }), once(child, 'close')])
    return true
  })

async function serve({ url = '' }: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, name, file, type] = /^\/([\w-]+)\/((?:index|\d+)\.(m3u8|ts))$/.exec(url) ?? []
  const body = file && (await readFile(join(folder!, name!, file)).catch(() => undefined))
  const headers = {
    'Content-Type': types[type as 'ts'],
    'Access-Control-Allow-Origin': '*',
    'Cache-Control': 'no-cache'
  }
  if (body) response.writeHead(200, headers).end(body)
  else response.writeHead(404).end()
}

const relays = new Map<LiveStream, Relay>()

const server = createServer({ http: (request, response) => void serve(request, response) }, session => {
  session.on('publish', publish => {
    const { name } = publish
    if (!/^[\w-]+$/.test(name)) throw new Refused('NetStream.Publish.Denied', 'only letters, digits, _ and - in a name')
    // one folder a name, whatever the app is
    const live = lives.get(name)
    pipeline(publish.accept(), live.input(), report)
    if (relays.has(live)) return
    const cwd = join(folder, name)
    rmSync(cwd, { recursive: true, force: true })
    mkdirSync(cwd, { recursive: true })
    const relay = segment(live, cwd)
    relays.set(live, relay)
    relay.on('retrying', ({ error, ms }) => console.log(`ffmpeg: ${error?.message}, again in ${ms} ms`))
    relay.on('ended', () => {
      console.log(`segmented ${name}`)
      relays.delete(live)
    })
  })
})
server.on('sessionError', report)

server.listen(Number(port), '127.0.0.1', () => {
  console.log(`listening rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}`)
})
