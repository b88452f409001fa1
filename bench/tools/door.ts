/**
 * `door SCHEME play|publish COUNT SECONDS`: our own client, so many times, through one door of a server. Publishers are never
 * slow. Speaks to its reader as the load tool does.
 */
import { once } from 'node:events'
import { connect, type Message } from 'rtmpipe'
import { PORT } from '../lab.ts'

const [scheme, what, count, seconds] = process.argv.slice(2)
const url = `${scheme}://127.0.0.1:${PORT}/live`
const payload = Buffer.concat([Buffer.from([0x17, 1, 0, 0, 0]), Buffer.alloc(9995, 0x61)])
let bytes = 0
let dead = 0

async function play(): Promise<void> {
  const session = await connect(url, { tls: { rejectUnauthorized: false } })
  for await (const message of await session.play('s0')) bytes += message.payload.length
}

async function publish(name: string): Promise<void> {
  const session = await connect(url, { tls: { rejectUnauthorized: false } })
  const publishing = await session.publish(name)
  for (let timestamp = 0; ; timestamp += 40) {
    bytes += payload.length
    const message: Message = { type: 9, messageStreamId: 0, chunkStreamId: 6, timestamp, payload }
    if (!publishing.write(message)) await once(publishing, 'drain')
  }
}

for (let i = 0; i < Number(count); i++) {
  void (what === 'play' ? play() : publish(`p${i}`)).catch(() => dead++)
}
setTimeout(() => {
  const before = bytes
  console.log('BEGIN')
  setTimeout(() => {
    console.log('END')
    console.log(JSON.stringify({ run: Number(count) - dead, dead, rx_bytes: bytes - before, err: '' }))
    process.exit(0)
  }, Number(seconds) * 1000)
}, 2000)
