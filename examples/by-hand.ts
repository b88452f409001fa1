/**
 * A live relay of one stream, built from single stages. This example shows how to:
 *  1. wire a socket, stage by stage, into a loop that ends where it began;
 *  2. acknowledge what is received, by a layer over chunks;
 *  3. answer commands in a stage of your own;
 *  4. pass media from one connection to many, with a gate before each player, so that none delays the others.
 *
 *   npm run build && node dist/examples/by-hand.js [PORT [CHUNK_SIZE]]
 *   ffmpeg -re -i film.flv -c copy -f flv rtmp://127.0.0.1/live/film
 *   ffplay rtmp://127.0.0.1/live/film
 */
import net from 'node:net'
import { finished, pipeline } from 'node:stream'
import {
  amfCommandParser,
  amfCommandSerializer,
  type Command,
  chunkDecoder,
  chunkEncoder,
  commandMessage,
  dataMessage,
  handshakeStream,
  isCommand,
  isMedia,
  type KeyframeGate,
  keyframeGate,
  MediaState,
  type Message,
  messageAssembler,
  messageChunker,
  mirror,
  onStatus,
  resultCommand,
  setChunkSize,
  stage,
  unwrapped,
  userControlMessage,
  windowAcknowledgementSize,
  windowAcknowledger
} from 'rtmpipe'

const [port = '1935', chunkSize = '4096'] = process.argv.slice(2)
/** The state that decoders need first, and a gate before each player. */
const state = new MediaState()
const gates = new Set<KeyframeGate>()

function relay(message: Message) {
  state.note(message)
  for (const gate of gates) gate.write(message)
}

// without noDelay the kernel holds small answers back until the last ones are acknowledged: 40 ms each
const server = net.createServer({ noDelay: true }, socket => {
  let publishes = false
  const gate = keyframeGate()
  const plain = handshakeStream(socket)
  // counts what comes in, and acknowledges it: some encoders stop where nobody does
  const chunks = windowAcknowledger(mirror(chunkEncoder(), plain, chunkDecoder()))
  const out = amfCommandSerializer()

  const session = stage<Message | Command, Message | Command>((item, push) => {
    if (!isCommand(item)) return publishes && isMedia(item) && relay(unwrapped(item))
    console.log(item.name, item.args[1] ?? '')
    switch (item.name) {
      case 'connect':
        push(windowAcknowledgementSize(2_500_000))
        push(setChunkSize(Number(chunkSize)))
        return push(resultCommand(item, { fmsVer: 'FMS/3,0,1,123' }, welcome))
      case 'createStream':
        return push(resultCommand(item, null, 1))
      case 'publish':
        publishes = true
        return push(onStatus(1, 'NetStream.Publish.Start', 'go on'))
      case 'play':
        push(userControlMessage({ kind: 'StreamBegin', messageStreamId: 1 }))
        push(onStatus(1, 'NetStream.Play.Start', 'here it comes'))
        for (const message of state.messages()) gate.write(message)
        gates.add(gate)
        return void gate.pipe(out, { end: false })
      case 'deleteStream':
        return leave()
      default:
        return item.transactionId > 0 && push(resultCommand(item, null))
    }
  })

  function leave() {
    if (publishes) for (const message of farewell) relay(message)
    publishes = false
    gates.delete(gate)
    gate.destroy()
  }

  finished(plain, { writable: false }, leave)
  pipeline([chunks, messageAssembler(), amfCommandParser(), session(), out, messageChunker(), chunks], error =>
    console.log(error ? `gone: ${error.message}` : 'gone')
  )
})

const welcome = { level: 'status', code: 'NetConnection.Connect.Success', description: 'welcome', objectEncoding: 0 }

/** GStreamer's rtmp2src drops the message it holds when StreamEof arrives: the first of these, not the last frame. */
const farewell = [
  dataMessage(['onPlayStatus', { code: 'NetStream.Play.Complete' }], { messageStreamId: 1 }),
  commandMessage(onStatus(1, 'NetStream.Play.UnpublishNotify', 'the publisher has gone')),
  userControlMessage({ kind: 'StreamEof', messageStreamId: 1 })
]

server.listen(Number(port), '127.0.0.1', () => {
  console.log(`listening rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}`)
})
