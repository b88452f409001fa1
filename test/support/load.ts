/**
 * Load for a server in another process: one publisher of 30 frames a second, players that read all of it, and players that
 * read nothing. `node load.js PORT SECONDS MBIT PLAYERS STALLED`; prints, as JSON, what was sent and what each player got.
 */
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { commandMessage, createCommand, isVideo, type Message, type MessageWire, messageWire } from 'rtmpipe'

const [port, seconds, mbit, good, stalled] = process.argv.slice(2).map(Number) as [
  number,
  number,
  number,
  number,
  number
]
const FRAME_MS = 1000 / 30
const frameBytes = Math.round((mbit * 1e6) / 8 / 30)

async function connect(name: string, arg: string, begins: string): Promise<{ wire: MessageWire; socket: net.Socket }> {
  const socket = net.connect(port, '127.0.0.1')
  const wire = messageWire(socket, { role: 'client' })
  const says = (text: string, args: never[], messageStreamId = 0) =>
    wire.write(commandMessage(createCommand(text, messageStreamId === 0 ? 1 : 0, args, { messageStreamId })))
  const hears = (text: string) =>
    new Promise<void>(resolve => {
      const look = (message: Message) => {
        if (!message.payload.includes(text)) return
        wire.off('data', look)
        resolve()
      }
      wire.on('data', look)
    })
  says('connect', [{ app: 'live', tcUrl: `rtmp://127.0.0.1:${port}/live` }] as never[])
  await hears('NetConnection.Connect.Success')
  says('createStream', [null] as never[])
  await hears('_result')
  says(name, [null, arg] as never[], 1)
  await hears(begins)
  return { wire, socket }
}

const got: number[] = []
for (let i = 0; i < good; i++) {
  const { wire } = await connect('play', 'film', 'NetStream.Play.Start')
  got[i] = 0
  wire.on('data', message => {
    if (isVideo(message)) got[i]!++
  })
}
let ended = 0
for (let i = 0; i < stalled; i++) {
  const { wire, socket } = await connect('play', 'film', 'NetStream.Play.Start')
  wire.pause()
  socket.pause()
  socket.on('close', () => ended++)
  wire.on('error', () => ended++)
}

const { wire } = await connect('publish', 'film', 'NetStream.Publish.Start')
wire.resume()
const begun = performance.now()
const frames = Math.round((seconds * 1000) / FRAME_MS)
for (let i = 0; i < frames; i++) {
  const payload = Buffer.alloc(frameBytes, i)
  payload[0] = i % 60 === 0 ? 0x17 : 0x27
  payload[1] = 1
  const message = { type: 9, messageStreamId: 1, chunkStreamId: 6, timestamp: Math.round(i * FRAME_MS), payload }
  if (!wire.write(message)) await new Promise(resolve => wire.once('drain', resolve))
  const ahead = begun + (i + 1) * FRAME_MS - performance.now()
  if (ahead > 0) await sleep(ahead)
}
// what was sent last is still on its way; when nothing has come for so many looks, nothing more comes
for (let looks = 0, before = -1; got.some(each => each < frames) && looks < 200; looks++) {
  await sleep(50)
  const count = got.reduce((sum, each) => sum + each, 0)
  if (count > before) looks = 0
  before = count
}
process.stdout.write(`${JSON.stringify({ sent: frames, got, ended })}\n`)
process.exit(0)
