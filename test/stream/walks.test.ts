import net from 'node:net'
import { type Duplex, duplexPair, Writable } from 'node:stream'
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import { commandMessage, createCommand, LiveStream, type Message, messageWire, serverSession } from 'rtmpipe'
import t from 'tap'
import { loop } from '../../lib/stream/loop.ts'
import { video } from '../support/media.ts'

/** The functions that are on the stack, from the caller outwards. */
function frames(): string[] {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 100
  const { stack } = new Error()
  Error.stackTraceLimit = stackTraceLimit
  return stack!.split('\n').slice(2)
}

/** Those of this library: how many frames of Node lie below them is Node's own matter. */
const ours = (stack: readonly string[]) => stack.filter(frame => !frame.includes('node:'))

/** A server's session over a Duplex of bytes, and a client's wire at the other end of it. */
async function connection(near: Duplex, far: Duplex) {
  const [wire, session] = [messageWire(near), serverSession()]
  const client = messageWire(far, { role: 'client' })
  client.on('error', () => {}).resume()
  loop(wire, session, () => {})
  t.teardown(() => {
    for (const each of [client, far, wire, near]) each.destroy()
  })
  const heard = (event: 'connect' | 'publish' | 'play') => new Promise<unknown>(resolve => session.once(event, resolve))
  const say = (name: string, ...args: unknown[]) =>
    void client.write(
      commandMessage(createCommand(name, 1, args as never, { messageStreamId: name === 'connect' ? 0 : 1 }))
    )
  return { wire, session, client, heard, say }
}

/** Both ends of a TCP connection. */
async function sockets(): Promise<[Duplex, Duplex]> {
  const server = net.createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const far = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1')
  const near = await new Promise<Duplex>(resolve => server.once('connection', resolve))
  server.close()
  return [near, far]
}

const app = { app: 'live', tcUrl: 'rtmp://127.0.0.1/live' }

function isWithin(stack: readonly string[], most: number, walk: string): void {
  t.comment(`${walk}: ${ours(stack).length} of ours, ${stack.length} in all`)
  t.ok(ours(stack).length <= most, `${walk}: ${ours(stack).length} frames, ${most} at most\n${stack.join('\n')}`)
}

t.test('from a socket’s bytes to the input of a live stream', async () => {
  const { session, client, say } = await connection(...(await sockets()))
  let stack: string[] = []
  class Input extends Writable {
    takeNow() {
      stack = frames()
      return true
    }
    override _write(_item: Message, _encoding: string, done: () => void) {
      done()
    }
  }
  session.on('publish', publish => publish.accept().pipe(new Input({ objectMode: true })))
  say('connect', app)
  say('publish', null, 'a')
  while (stack.length === 0) {
    client.write({ ...video.keyframe(0), messageStreamId: 1 })
    await turnOfTheLoop()
  }
  isWithin(stack, 10, 'bytes to LiveInput')
})

t.test('from a batch to the write of the socket', async () => {
  const [near, far] = duplexPair() as [Duplex, Duplex]
  const { session, say, heard } = await connection(near, far)
  const live = new LiveStream({ mergeMs: 0 })
  session.on('play', play => live.player().pipe(play.accept()))
  say('connect', app)
  const plays = heard('play')
  say('play', null, 'a')
  await plays
  const input = live.input()
  for (let at = 0; at < 5; at++) {
    input.write(video.keyframe(at * 40))
    await turnOfTheLoop()
  }
  let stack: string[] = []
  const { write } = near
  near.write = (...args: unknown[]) => {
    stack = frames()
    return Reflect.apply(write, near, args)
  }
  input.write(video.keyframe(400))
  await turnOfTheLoop()
  isWithin(stack, 12, 'batch to socket')
})

t.test('from a command’s bytes to the handler, and from its decision to the write of the answer', async () => {
  const [near, far] = await sockets()
  const { session, say } = await connection(near, far)
  let asked: string[] = []
  let answered: string[] = []
  session.on('connect', connect => {
    asked = frames()
    connect.accept()
    const { write } = near
    near.write = (...args: unknown[]) => {
      answered = frames()
      return Reflect.apply(write, near, args)
    }
  })
  say('connect', app)
  while (answered.length === 0) await turnOfTheLoop()
  isWithin(asked, 11, 'connect to its handler')
  isWithin(answered, 11, 'acceptance to socket')
})
