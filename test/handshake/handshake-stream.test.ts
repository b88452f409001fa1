import net from 'node:net'
import { Duplex, duplexPair } from 'node:stream'
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import { ClientHandshake, handshakeStream, Layer } from 'rtmpipe'
import t from 'tap'
import { TestClock } from '../support/clock.ts'
import { collect } from '../support/collect.ts'

const pair = () => duplexPair() as [Duplex, Duplex]
const errorOf = (stream: Duplex) => new Promise<Error>(resolve => stream.once('error', resolve))
const next = (stream: Duplex) => new Promise<Buffer>(resolve => stream.once('data', resolve))

t.test('both roles, over each other', async t => {
  for (const digest of ['simple', 0, 1] as const) {
    const [near, far] = pair()
    const server = handshakeStream(near)
    const client = handshakeStream(far, { role: 'client', digest })
    client.end('connect')
    server.end('welcome')
    const heard = (await Promise.all([server, client].map(each => collect<Buffer>(each)))).map(
      pieces => `${Buffer.concat(pieces)}`
    )
    t.same(heard, ['connect', 'welcome'])
    t.equal(server.digestScheme, digest === 'simple' ? undefined : digest)
  }
})

t.test('a server that only writes still shakes hands', async t => {
  const [near, far] = pair()
  const server = handshakeStream(near)
  server.write('hello')
  const client = handshakeStream(far, { role: 'client' })
  t.equal((await next(client)).toString(), 'hello')
})

t.test('what is written before the handshake is over goes out behind it', async t => {
  const [near, far] = pair()
  const server = handshakeStream(near)
  const sent: Buffer[] = []
  far.on('data', bytes => sent.push(bytes))
  server.write('secret')
  await turnOfTheLoop()
  const client = new ClientHandshake()
  far.write(client.hello())
  while (sent.length === 0) await turnOfTheLoop()
  t.equal(Buffer.concat(sent).length, 3073, 'S0, S1, S2 and no more')
  far.write(client.feed(Buffer.concat(sent)).reply!)
  while (Buffer.concat(sent).length < 3079) await turnOfTheLoop()
  t.equal(Buffer.concat(sent).subarray(3073).toString(), 'secret')
})

t.test('what is written in one turn goes down in one', async t => {
  const writes: number[] = []
  const lower = new Duplex({
    read() {},
    writev(pieces, done) {
      writes.push(pieces.length)
      done()
    }
  })
  const server = handshakeStream(lower)
  const peer = new ClientHandshake({ digest: 'simple' })
  lower.push(peer.hello())
  lower.push(Buffer.alloc(1536))
  while (writes.length === 0) await turnOfTheLoop()
  for (let i = 0; i < 79; i++) server.write(Buffer.alloc(128))
  await turnOfTheLoop()
  server.write('a turn later')
  await turnOfTheLoop()
  t.same(writes, [1, 79, 1], 'the answer, the chunks of one message, and what came later')
  server.destroy()
})

t.test('it tells when it is over', async t => {
  const [near, far] = pair()
  const server = handshakeStream(near)
  const client = handshakeStream(far, { role: 'client' })
  let over = 0
  for (const each of [server, client]) each.on('handshake', () => over++)
  t.equal(client.digestScheme, undefined)
  while (over < 2) await turnOfTheLoop()
  t.equal(client.digestScheme, 1)
})

t.test('bytes behind C2 in the same packet are not lost', async t => {
  const [near, far] = pair()
  const server = handshakeStream(near)
  far.write(Buffer.concat([new ClientHandshake().hello(), Buffer.alloc(1536), Buffer.from('connect')]))
  t.equal((await next(server)).toString(), 'connect')
})

t.test('a peer that is no RTMP is let go at its first byte', async t => {
  for (const first of ['GET / HTTP/1.1\r\n\r\n', '\x16\x03\x01\x02\x00']) {
    const [near, far] = pair()
    const server = handshakeStream(near)
    far.write(Buffer.from(first, 'latin1'))
    t.match(await errorOf(server), { code: 'ERR_RTMP_HANDSHAKE_VERSION', layer: 'handshake' })
    t.equal(near.destroyed, true)
  }
})

t.test('a handshake has its time, however the bytes drip', async t => {
  const clock = new TestClock()
  const [near, far] = pair()
  const server = handshakeStream(near, { clock, limits: { handshakeMs: 10_000 } })
  far.write(Buffer.of(3))
  for (let second = 1; second < 10; second++) {
    clock.pass(1000)
    far.write(Buffer.of(0))
    await turnOfTheLoop()
  }
  t.equal(server.destroyed, false)
  const error = errorOf(server)
  clock.pass(1000)
  t.match(await error, { code: 'ERR_RTMP_HANDSHAKE_TIMEOUT', offset: 10 })
  t.equal(clock.timers, 0)
})

t.test('no timer is left behind', async t => {
  const clock = new TestClock()
  const [near, far] = pair()
  const server = handshakeStream(near, { clock })
  const client = handshakeStream(far, { clock, role: 'client' })
  t.equal(clock.timers, 2)
  client.write('x')
  await next(server)
  t.equal(clock.timers, 0, 'once it is over')
  handshakeStream(pair()[0], { clock }).destroy()
  t.equal(clock.timers, 0, 'once it is destroyed')
})

t.test('a peer that leaves in the middle is an event, and a close before the end', async t => {
  const [near, far] = pair()
  const server = handshakeStream(near)
  const cut = new Promise(resolve => server.on('truncated', resolve))
  const closed = new Promise(resolve => server.on('close', resolve))
  server.on('error', () => t.fail('no error'))
  far.end(Buffer.alloc(100, 3))
  t.same(await cut, { layer: 'handshake', offset: 100, missing: 2973 })
  await closed
})

t.test('what a peer that has ended does not take is no error', async t => {
  const server = net.createServer(socket => {
    const plain = handshakeStream(socket)
    const errors: Error[] = []
    plain.on('error', error => errors.push(error))
    plain.on('close', () => server.emit('closed', errors))
    // Node ends its own half when the peer ends, so this is written too late
    plain.on('end', () => plain.write('last words'))
    plain.resume()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  const client = handshakeStream(net.connect(port, '127.0.0.1'), { role: 'client' })
  client.resume()
  client.end()
  t.same(await new Promise(resolve => server.once('closed', resolve)), [])
  await new Promise(resolve => server.close(resolve))
})

/** A cipher over anything: every byte turned over, both ways. */
class Turned extends Layer {
  constructor(lower: Duplex) {
    super(lower, { from: 'bytes', to: 'bytes' })
  }
  protected override inbound(bytes: Buffer) {
    this.up(turned(bytes))
  }
  protected override outbound(bytes: Buffer) {
    return this.lower.write(turned(bytes))
  }
}
const turned = (bytes: Buffer) => Buffer.from(bytes.map(byte => byte ^ 0xff))

/** A wire on which every byte is delivered alone. */
class Bytewise extends Layer {
  constructor(lower: Duplex) {
    super(lower, { from: 'bytes', to: 'bytes' })
  }
  protected override *inbound(bytes: Buffer) {
    for (let i = 0; i < bytes.length; i++) yield bytes.subarray(i, i + 1)
  }
}

t.test('a handshake under a cipher, every byte alone, both ends half-closed, finishes', async t => {
  const server = net.createServer({ allowHalfOpen: true }, async socket => {
    const upper = new Turned(handshakeStream(new Bytewise(socket)))
    const heard = Buffer.concat(await collect<Buffer>(upper))
    upper.end(`you said ${heard}`)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const client = new Turned(handshakeStream(new Bytewise(socket), { role: 'client' }))
  const closed = new Promise(resolve => client.on('close', resolve))
  client.end('hello')
  t.equal(Buffer.concat(await collect<Buffer>(client)).toString(), 'you said hello')
  await closed
  t.equal(socket.destroyed, true)
  await new Promise(resolve => server.close(resolve))
})
