import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { type Duplex, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import fc from 'fast-check'
import {
  ChunkReader,
  isCommandType,
  isProtocolControlType,
  type Message,
  MessageReader,
  messageWire,
  readCommand,
  tunnelClient,
  tunnelServer
} from 'rtmpipe'
import t from 'tap'
import { readConnection } from '../../support/captures.ts'
import { certificate } from '../../support/certificates.ts'
import { cut } from '../../support/chop.ts'
import { TestClock } from '../../support/clock.ts'
import { alive } from '../../support/memory.ts'
import { without } from '../../support/programs.ts'
import { holdsLater } from '../../support/property.ts'
import { TunnelHost } from '../../support/tunnels.ts'

const EMPTY = Buffer.alloc(1)

t.test('a session by hand, from open to close', async t => {
  const host = await new TunnelHost(t).listen()
  t.equal((await host.posts('/fcs/ident2')).status, 404, 'as FMS has it')
  const opened = await host.posts('/open/1')
  t.equal(opened.status, 200)
  t.match(opened.body.toString(), /^[0-9a-f]{32}\n$/, '128 bits, and a newline that is counted')
  t.equal(opened.headers['content-length'], '33')
  t.match(opened.headers, { 'content-type': 'application/x-fcs', 'cache-control': 'no-cache' })
  const id = opened.body.toString().trim()
  const session = host.sessions[0]!
  t.equal(session.remoteAddress, '127.0.0.1')
  t.type(session.remotePort, 'number')

  t.same((await host.posts(`/idle/${id}/0`)).body, Buffer.of(1), 'nothing yet')
  t.same((await host.posts(`/send/${id}/1`, Buffer.from('to the server'))).body, Buffer.of(1))
  t.equal(String(session.read()), 'to the server')
  t.same((await host.posts(`/send/${id}/2`, EMPTY)).body, Buffer.of(1))
  t.same(session.read(), EMPTY, 'a byte that is sent is one')

  let isTaken = false
  session.write('to the client', () => {
    isTaken = true
  })
  await turnOfTheLoop()
  t.notOk(isTaken, 'it waits for a post')
  const reply = await host.posts(`/idle/${id}/3`)
  t.ok(isTaken)
  t.equal(reply.body.toString('latin1'), '\x01to the client')
  t.equal(reply.headers['content-length'], '14')

  session.once('data', () => session.write('an answer'))
  t.equal((await host.posts(`/send/${id}/4`, EMPTY)).body.toString('latin1'), '\x01an answer', 'at once')

  const ended = once(session, 'end')
  t.same((await host.posts(`/close/${id}/5`)).body, EMPTY)
  await ended
  t.equal((await host.posts(`/idle/${id}/6`)).status, 404)
  session.end('for nobody')
  await host.until(() => session.closed)
  t.same(host.ends, [undefined], 'a clean end')
})

t.test('the polling interval grows after each ten replies with nothing in them', async t => {
  const clock = new TestClock()
  const host = await new TunnelHost(t, () => {}, { clock }).listen()
  const id = await host.opens()
  const asked: number[] = []
  for (let i = 0; i < 70; i++) {
    asked.push((await host.posts(`/idle/${id}/${i}`)).body[0]!)
    clock.pass(500)
  }
  const times = (count: number, interval: number) => new Array<number>(count).fill(interval)
  t.same(asked, [...times(9, 1), ...[3, 5, 9, 0x11].flatMap(each => times(10, each)), ...times(21, 0x21)])
  host.sessions[0]!.write('x')
  t.same((await host.posts(`/idle/${id}/70`)).body, Buffer.from('\x01x'))
  clock.pass(16)
  t.same((await host.posts(`/idle/${id}/71`)).body, Buffer.of(1))
})

t.test('who polls sooner than asked waits: for the time, for something to say, for the next post', async t => {
  const clock = new TestClock()
  const host = await new TunnelHost(t, () => {}, { clock }).listen()
  const id = await host.opens()
  await host.posts(`/idle/${id}/0`)
  let answered = 0
  const early = async (n: number) => {
    const posting = host.posts(`/idle/${id}/${n}`)
    posting.finally(() => answered++)
    while (clock.timers < 2) await turnOfTheLoop()
    for (let i = 0; i < 10; i++) await turnOfTheLoop()
    return { posting }
  }
  const first = await early(1)
  clock.pass(15)
  for (let i = 0; i < 10; i++) await turnOfTheLoop()
  t.equal(answered, 0)
  clock.pass(1)
  t.same((await first.posting).body, Buffer.of(1))

  const second = await early(2)
  host.sessions[0]!.write('some')
  host.sessions[0]!.write('thing')
  t.same((await second.posting).body, Buffer.from('\x01something'))

  const third = await early(3)
  const sending = host.posts(`/send/${id}/4`)
  t.same((await third.posting).body, Buffer.of(1))
  t.equal((await sending).status, 200)

  const last = await early(5)
  host.sessions[0]!.destroy()
  t.equal((await last.posting).status, 404)
  t.equal(clock.timers, 0)
})

t.test('a post that is repeated is answered as it was', async t => {
  const host = await new TunnelHost(t, bytes => bytes.on('data', () => void bytes.write(randomBytes(8)))).listen()
  const id = await host.opens()
  const first = await host.posts(`/send/${id}/0`)
  t.equal(first.body.length, 9)
  t.same((await host.posts(`/send/${id}/0`)).body, first.body)
  const second = await host.posts(`/send/${id}/1`)
  t.notOk(second.body.equals(first.body))
  t.same((await host.posts(`/send/${id}/1`)).body, second.body)
  t.equal((await host.posts(`/send/${id}/0`)).status, 400, 'but not one that is two behind')
  t.same(host.ends, ['ERR_RTMP_TUNNEL_SEQUENCE'])
  t.equal((await host.posts(`/send/${id}/2`)).status, 404)
})

t.test('posts that come too early wait, a few of them', async t => {
  const host = await new TunnelHost(t).listen()
  const id = await host.opens()
  const early = [4, 2, 3, 1].map(n => host.posts(`/send/${id}/${n}`, Buffer.from(`${n}`)))
  await host.until(() => host.requests.length === 5)
  t.equal(host.sessions[0]!.read(), null)
  await host.posts(`/send/${id}/0`, Buffer.from('0'))
  for (const { status } of await Promise.all(early)) t.equal(status, 200)
  t.equal(String(host.sessions[0]!.read()), '01234')
  t.equal((await host.posts(`/send/${id}/10`)).status, 400, 'too far ahead')
  t.same(host.ends, ['ERR_RTMP_TUNNEL_SEQUENCE'])
})

t.test('of one number only so many are held', async t => {
  const host = await new TunnelHost(t).listen()
  const id = await host.opens()
  const all = Array.from({ length: 9 }, () => host.posts(`/send/${id}/1`))
  const statuses = (await Promise.all(all)).map(({ status }) => status)
  t.same(statuses.sort(), [...new Array<number>(1).fill(400), ...new Array<number>(8).fill(404)].sort())
  t.same(host.ends, ['ERR_RTMP_TUNNEL_SEQUENCE'])
})

t.test('any split, any order within the window, any repetition: the same bytes, once', async t => {
  const host = await new TunnelHost(t, bytes => {
    bytes.on('data', () => bytes.write(randomBytes(4)))
  }).listen()
  const block = fc.record({
    bodies: fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 5 }),
    order: fc.array(fc.nat(), { minLength: 7, maxLength: 7 }),
    repeated: fc.nat(3)
  })
  const property = fc.asyncProperty(fc.array(block, { minLength: 1, maxLength: 4 }), async blocks => {
    const id = await host.opens()
    const session = host.sessions.at(-1)!
    const received: Buffer[] = []
    session.on('data', bytes => received.push(bytes))
    let next = 0
    for (const { bodies, order, repeated } of blocks) {
      const numbers = bodies.map((_, i) => next + i)
      const late = numbers.slice(1)
      const again = late.slice(0, repeated)
      const shuffled = [...late, ...again].map((n, i) => ({ n, at: order[i]! })).sort((a, b) => a.at - b.at)
      const before = host.requests.length
      const post = (n: number) => host.posts(`/send/${id}/${n}`, Buffer.from(bodies[n - numbers[0]!]!))
      const held = shuffled.map(({ n }) => post(n))
      await host.until(() => host.requests.length === before + held.length)
      const replies = [{ n: next, ...(await post(next)) }]
      for (const [i, { n }] of shuffled.entries()) replies.push({ n, ...(await held[i]!) })
      next += bodies.length
      replies.push({ n: next - 1, ...(await post(next - 1)) })
      for (const { n, status, body } of replies) {
        if (status !== 200) return false
        if (!replies.every(other => other.n !== n || other.body.equals(body))) return false
      }
    }
    session.destroy()
    return Buffer.concat(received).equals(Buffer.concat(blocks.flatMap(({ bodies }) => bodies)))
  })
  await holdsLater(t, 'posts', property, { numRuns: 60 })
})

t.test('a connection that is lost within a post: the post may be made again', async t => {
  const host = await new TunnelHost(t).listen()
  const id = await host.opens()
  const session = host.sessions[0]!
  const socket = net.connect(host.port, '127.0.0.1')
  socket.write(`POST /send/${id}/0 HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234`)
  await once(session, 'readable')
  t.equal(String(session.read()), '01234')
  socket.destroy()
  const again = await host.posts(`/send/${id}/0`, Buffer.from('0123456789'))
  t.equal(again.status, 200)
  t.equal(String(session.read()), '56789', 'what was had is not had twice')
})

for (const [how, finish] of [
  ['and is whole in the end', (socket: net.Socket) => void socket.write('56789')],
  ['and is lost', (socket: net.Socket) => void socket.destroy()]
] as const) {
  t.test(`a post is repeated while the first is on its way, ${how}`, async t => {
    const host = await new TunnelHost(t).listen()
    const id = await host.opens()
    const session = host.sessions[0]!
    const socket = net.connect(host.port, '127.0.0.1')
    t.teardown(() => socket.destroy())
    socket.write(`POST /send/${id}/0 HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234`)
    await once(session, 'readable')
    const again = host.posts(`/send/${id}/0`, Buffer.from('0123456789'))
    const next = host.posts(`/send/${id}/1`, Buffer.from('next'))
    await host.until(() => host.requests.length === 4)
    for (let i = 0; i < 10; i++) await turnOfTheLoop()
    t.equal(String(session.read()), '01234', 'they do not mix')
    finish(socket)
    t.equal((await again).status, 200)
    t.equal((await next).status, 200)
    t.equal(String(session.read()), '56789next')
  })
}

t.test('while the reader is full, a body is not read on and its reply waits', async t => {
  const host = await new TunnelHost(t).listen()
  const id = await host.opens()
  const session = host.sessions[0]!
  const body = randomBytes(1024 * 1024)
  const posting = host.posts(`/send/${id}/0`, body)
  let isAnswered = false
  posting.finally(() => {
    isAnswered = true
  })
  const received: Buffer[] = []
  let most = 0
  while (Buffer.concat(received).length < body.length) {
    await once(session, 'readable')
    for (let i = 0; i < 20; i++) await turnOfTheLoop()
    most = Math.max(most, session.readableLength)
    received.push(session.read()!)
    if (Buffer.concat(received).length < body.length - 200_000) t.notOk(isAnswered)
  }
  t.equal((await posting).status, 200)
  t.ok(Buffer.concat(received).equals(body))
  t.ok(most < 200_000, `at most ${most} bytes at a time`)
})

t.test('a reply carries a mebibyte at most, and a write is done when all of it was taken', async t => {
  const host = await new TunnelHost(t).listen()
  const id = await host.opens()
  const session = host.sessions[0]!
  const bytes = randomBytes(2_500_000)
  let isDone = false
  session.write(bytes, () => {
    isDone = true
  })
  const bodies: Buffer[] = []
  for (const [n, length] of [1_048_576, 1_048_576, 402_848].entries()) {
    t.notOk(isDone)
    const { body } = await host.posts(`/idle/${id}/${n}`)
    t.equal(body.length, length + 1)
    bodies.push(body.subarray(1))
  }
  t.ok(isDone)
  t.ok(Buffer.concat(bodies).equals(bytes))
})

t.test('hostile posts', async t => {
  const limits = { tunnelPostBytes: 1000 }
  const host = await new TunnelHost(t, bytes => bytes.resume(), { limits }).listen()

  await t.test('of the limit, and one byte more, with a length and without', async t => {
    const id = await host.opens()
    t.equal((await host.posts(`/send/${id}/0`, Buffer.alloc(1000))).status, 200)
    t.equal((await host.posts(`/send/${id}/1`, [Buffer.alloc(500), Buffer.alloc(500)])).status, 200)
    t.equal((await host.posts(`/send/${id}/2`, Buffer.alloc(1001))).status, 413)
    t.equal(host.ends.pop(), 'ERR_RTMP_TUNNEL_POST')
    t.equal((await host.posts(`/send/${id}/3`)).status, 404)
    const other = await host.opens()
    t.equal((await host.posts(`/idle/${other}/0`, [Buffer.alloc(500), Buffer.alloc(501)])).status, 413)
    t.equal(host.ends.pop(), 'ERR_RTMP_TUNNEL_POST')
  })

  await t.test('to where no session is', async t => {
    const id = await host.opens()
    const wrong = `${id.slice(0, -1)}${id.endsWith('0') ? '1' : '0'}`
    const paths = [
      `/send/${wrong}/0`,
      `/close/${wrong}/0`,
      `/send/${id}`,
      `/send/${id}/`,
      `/send/${id}/-1`,
      `/send/${id}/1e1`,
      `/send/${id}/0x0`,
      `/send/${id}/0/`,
      `/send/${id}/9999999999999999`,
      `/send//0`,
      `/SEND/${id}/0`,
      `/open/2`,
      '/open',
      '/',
      '//',
      '/send/__proto__/0',
      '/%73end/0/0',
      `/kill/${id}/0`
    ]
    for (const path of paths) t.equal((await host.posts(path)).status, 404, path)
    for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS', 'HEAD'])
      t.equal((await host.posts(`/send/${id}/0`, EMPTY, method)).status, 404, method)
    t.equal((await host.posts(`/send/${id}/0`)).status, 200, 'the session has not suffered')
  })

  await t.test('what is not the tunnel’s goes on', async t => {
    const seen: string[] = []
    const handler = tunnelServer(bytes => t.teardown(() => bytes.destroy()))
    const server = http.createServer((request, response) =>
      handler(request, response, () => {
        seen.push(`${request.method} ${request.url}`)
        response.end('mine')
      })
    )
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => server.close())
    const base = `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`
    const answered = async (path: string, method = 'POST') => (await fetch(base + path, { method })).status
    t.equal(await answered('/page', 'GET'), 200)
    t.equal(await answered('/open/1', 'GET'), 200)
    t.equal(await answered('/form'), 200)
    t.same(seen, ['GET /page', 'GET /open/1', 'POST /form'])
    t.equal(await answered('/fcs/ident2'), 404)
    t.equal(await answered(`/idle/${'0'.repeat(32)}/0`), 404)
    t.equal(await answered('/open/1'), 200)
  })

  await t.test('more sessions than there may be', async t => {
    const full = await new TunnelHost(t, () => {}, { limits: { tunnelSessions: 2 } }).listen()
    const [first] = [await full.opens(), await full.opens()]
    t.equal((await full.posts('/open/1')).status, 503)
    full.sessions[0]!.resume().end()
    t.equal((await full.posts(`/close/${first}/0`)).status, 200)
    await full.until(() => full.ends.length === 1)
    t.equal((await full.posts('/open/1')).status, 200)
  })
})

t.test('10,000 opens without a send leave nothing behind', async t => {
  const clock = new TestClock()
  const idle: string[] = []
  const handler = tunnelServer(
    bytes => {
      const wire = messageWire(bytes, { clock, limits: { handshakeMs: 60_000 } })
      wire.on('error', error => idle.push((error as NodeJS.ErrnoException).code!))
    },
    { clock }
  )
  const server = http.createServer(handler)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const agent = new http.Agent({ keepAlive: true, maxSockets: 4 })
  t.teardown(() => agent.destroy())
  const open = async (count: number) => {
    for (let i = 0; i < count; i += 4) await Promise.all([1, 2, 3, 4].map(() => opened(server, agent)))
  }
  await open(1000)
  clock.pass(30_000)
  await turnOfTheLoop()
  t.equal(idle.length, 1000)
  const before = alive()
  await open(10_000)
  const full = alive()
  t.equal(await opened(server, agent), 503, 'no more than these')
  clock.pass(29_999)
  t.equal(idle.length, 1000)
  clock.pass(1)
  await turnOfTheLoop()
  t.equal(idle.length, 11_000)
  t.same([...new Set(idle)], ['ERR_RTMP_TUNNEL_IDLE'])
  t.equal(clock.timers, 0, 'no timer runs')
  for (let i = 0; i < 10; i++) await turnOfTheLoop()
  const left = alive() - before
  t.ok(left < 8 * 1024 * 1024, `${left} bytes more than before, ${full - before} while they were open`)
})

function opened(server: http.Server, agent: http.Agent): Promise<number> {
  const { port } = server.address() as net.AddressInfo
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port, path: '/open/1', method: 'POST', agent })
    request.on('error', reject)
    request.on('response', response => response.resume().on('end', () => resolve(response.statusCode!)))
    request.end(EMPTY)
  })
}

t.test('a client that goes without a word', async t => {
  const clock = new TestClock()
  const host = await new TunnelHost(t, () => {}, { clock }).listen()
  const id = await host.opens()
  clock.pass(20_000)
  await host.posts(`/send/${id}/0`, Buffer.alloc(10))
  clock.pass(29_999)
  t.notOk(host.sessions[0]!.destroyed, 'a post is a sign of life')
  const early = host.posts(`/send/${id}/2`)
  await host.until(() => host.requests.length === 3)
  clock.pass(29_999)
  t.notOk(host.sessions[0]!.destroyed)
  clock.pass(1)
  t.equal((await early).status, 404, 'the post ahead of it never came')
  t.same(host.ends, ['ERR_RTMP_TUNNEL_IDLE'])
})

t.test('time passes for a client, and not while we do not read', async t => {
  const clock = new TestClock()
  const host = await new TunnelHost(t, () => {}, { clock }).listen()
  const id = await host.opens()
  const session = host.sessions[0]!
  const posting = host.posts(`/send/${id}/0`, Buffer.alloc(500_000))
  while (session.readableLength < session.readableHighWaterMark) await turnOfTheLoop()
  clock.pass(100_000)
  t.notOk(session.destroyed)
  session.resume()
  t.equal((await posting).status, 200)
  clock.pass(30_000)
  t.ok(session.destroyed)
})

t.test('a server that ends says so by not knowing the session any more', async t => {
  const host = await new TunnelHost(t).listen()
  const id = await host.opens()
  const session = host.sessions[0]!
  session.end('good night')
  t.equal((await host.posts(`/idle/${id}/0`)).body.toString('latin1'), '\x01good night')
  t.equal((await host.posts(`/send/${id}/1`, Buffer.from('wait'))).status, 200, 'who still sends is heard')
  t.equal((await host.posts(`/idle/${id}/2`)).status, 404)
  t.same(await session.toArray(), [Buffer.from('wait')])
})

t.test('FFmpeg publishes through the tunnel, as it was captured', async t => {
  const [client] = readConnection('tunnel/rtmpt-ffmpeg-publish')
  const text = client.toString('latin1')
  const [, theirs] = /POST \/send\/(\w+)\/0 /.exec(text)!
  const received: Message[] = []
  const host = await new TunnelHost(t, bytes => {
    messageWire(bytes).on('data', message => received.push(message))
  }).listen()
  const socket = net.connect(host.port, '127.0.0.1').setEncoding('latin1')
  let said = ''
  socket.on('data', (bytes: string) => {
    said += bytes
  })
  const replies = () => said.match(/HTTP\/1\.1 200 OK\r\n/g)?.length ?? 0
  let ours: string | undefined
  for (const [i, request] of text.split(/(?=POST \/)/).entries()) {
    socket.write(ours === undefined ? request : request.replaceAll(theirs!, ours), 'latin1')
    while (replies() <= i) await once(socket, 'data')
    ours ??= /\n(\w{32})\n/.exec(said)![1]
  }
  if (!host.sessions[0]!.readableEnded) await once(host.sessions[0]!, 'end')
  socket.destroy()
  t.same(received, messagesOf(sent(client)))
  const names = received.filter(({ type }) => isCommandType(type)).map(message => readCommand(message).name)
  t.same(names, ['connect', 'releaseStream', 'FCPublish', 'createStream', 'publish'])
  t.ok(received.filter(({ type }) => type === 9).length > 20)
})

/** The bodies of what is sent in a capture, one behind the other. */
function sent(http: Buffer): Buffer {
  const bodies: Buffer[] = []
  for (let at = 0; at < http.length; ) {
    const end = http.indexOf('\r\n\r\n', at) + 4
    const head = http.toString('latin1', at, end)
    at = end + Number(/content-length: (\d+)/i.exec(head)![1])
    if (head.startsWith('POST /send/')) bodies.push(http.subarray(end, at))
  }
  return Buffer.concat(bodies)
}

/** By the pure readers, without a stream. */
function messagesOf(bytes: Buffer): Message[] {
  const chunks = new ChunkReader()
  const reader = new MessageReader()
  const messages: Message[] = []
  chunks.feed(bytes.subarray(3073))
  while (chunks.next()) {
    if (chunks.control !== undefined) reader.heed(chunks.control)
    const message = reader.add(chunks.header, chunks.source, chunks.start, chunks.end, chunks.last)
    if (message !== undefined && !isProtocolControlType(message.type)) messages.push(message)
  }
  return messages
}

const digest = (bytes: Buffer) => createHash('sha1').update(bytes).digest('hex')

/** Reads so many bytes, with a rest now and then; how much waited to be read at most. */
async function slowly(stream: Duplex, length: number): Promise<{ bytes: Buffer; most: number }> {
  const pieces: Buffer[] = []
  let most = 0
  for (let left = length; left > 0; ) {
    if (stream.readableLength === 0) await once(stream, 'readable')
    for (let i = 0; i < 3; i++) await turnOfTheLoop()
    most = Math.max(most, stream.readableLength)
    const piece = stream.read() as Buffer | null
    if (piece === null) continue
    pieces.push(piece)
    left -= piece.length
  }
  return { bytes: Buffer.concat(pieces), most }
}

for (const scheme of ['http', 'https'] as const) {
  const skip = scheme === 'https' && without('openssl')
  t.test(`our client on our server over ${scheme}: large both ways, and slow readers`, { skip }, async t => {
    const tls = scheme === 'https' ? await certificate() : undefined
    const host = await new TunnelHost(t, () => {}, { ...(tls && { tls }) }).listen()
    const [up, down] = [randomBytes(6_000_000), randomBytes(7_000_000)]
    const client = tunnelClient({ ...host.place, ...(tls && { tls: { ca: tls.cert } }) })
    await host.until(() => host.sessions.length > 0)
    const session = host.sessions[0]!
    const writing = [
      pipeline(Readable.from(cut(up, 1, 200_000)), client, { end: false } as never),
      pipeline(Readable.from(cut(down, 2, 200_000)), session, { end: false } as never)
    ]
    const [got, gotDown] = await Promise.all([slowly(session, up.length), slowly(client, down.length)])
    await Promise.all(writing)
    t.equal(digest(got.bytes), digest(up))
    t.equal(digest(gotDown.bytes), digest(down))
    t.ok(got.most < 200_000, `${got.most} bytes waited for the server`)
    t.ok(gotDown.most < 200_000, `${gotDown.most} bytes waited for the client`)
    session.once('end', () => session.end())
    session.resume()
    client.resume().end('last words')
    await host.until(() => host.ends.length > 0)
    t.match(host.requests.at(-1), /^POST \/close\//)
    t.same(host.ends, [undefined])
    if (!client.closed) await once(client, 'close')
    const connections = await new Promise(resolve => host.server.getConnections((_, count) => resolve(count)))
    t.ok((connections as number) <= 1, 'all went by one connection')
  })
}

t.test('a certificate that nobody vouches for is refused', { skip: without('openssl') }, async t => {
  const tls = await certificate()
  const host = await new TunnelHost(t, () => {}, { tls }).listen()
  const [error] = await once(tunnelClient(host.place), 'error')
  t.match(error, { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }, 'the error of TLS as it is')
  t.equal(host.requests.length, 0)
})

t.test('a client polls as it is asked to, and writes at once', async t => {
  const clock = new TestClock()
  const host = await new TunnelHost(t, bytes => bytes.on('data', data => bytes.write(data))).listen()
  const client = tunnelClient(host.place, { clock })
  client.on('data', () => {})
  await host.until(() => host.requests.length === 2)
  t.match(host.requests[1], /^POST \/idle\/\w+\/0$/)
  while (clock.timers < 2) await turnOfTheLoop()
  clock.pass(15)
  for (let i = 0; i < 10; i++) await turnOfTheLoop()
  t.equal(host.requests.length, 2, '1 are 16 ms')
  clock.pass(1)
  await host.until(() => host.requests.length === 3)
  while (clock.timers < 2) await turnOfTheLoop()
  client.write('now')
  await host.until(() => host.requests.length === 5)
  t.match(host.requests[3], /^POST \/send\/\w+\/2$/)
  t.match(host.requests[4], /^POST \/idle\/\w+\/3$/, 'and where something came there may be more')
  client.destroy()
})

t.test('a client that is destroyed tells its server', async t => {
  const host = await new TunnelHost(t, bytes => bytes.resume().once('end', () => bytes.end())).listen()
  const client = tunnelClient(host.place)
  client.resume()
  await host.until(() => host.requests.length > 2)
  client.destroy()
  await host.until(() => host.ends.length > 0)
  t.same(host.ends, [undefined])

  const controller = new AbortController()
  const aborted = tunnelClient(host.place, { signal: controller.signal })
  aborted.resume()
  await host.until(() => host.sessions.length === 2)
  controller.abort()
  const [error] = await once(aborted, 'error')
  t.equal(error.name, 'AbortError')
})

t.test('a server that has ended is the end of the client too', async t => {
  const host = await new TunnelHost(t, bytes => bytes.end('good night')).listen()
  const client = tunnelClient(host.place)
  t.same(await client.map(String).toArray(), ['good night'])
  const other = tunnelClient(host.place)
  other.resume()
  await once(other, 'end')
  other.write('too late')
  const [error] = await once(other, 'error')
  t.match(error, { code: 'ERR_RTMP_TUNNEL_STATUS', layer: 'tunnel' })
})

for (const [which, connection] of [
  ['that is kept', 'keep-alive'],
  ['of one post', 'close']
] as const) {
  t.test(`a connection ${which}, lost ahead of its reply`, async t => {
    const echo = tunnelServer(bytes => {
      bytes.on('data', data => bytes.write(data))
      bytes.once('end', () => bytes.end())
    })
    let posts = 0
    const server = http.createServer((request, response) => {
      response.setHeader('Connection', connection)
      // each third is taken, and its reply lost; the client cannot know
      if (++posts % 3 === 0) response.writeHead = () => response.destroy() as never
      echo(request, response)
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => server.close())
    const client = tunnelClient({ host: '127.0.0.1', port: (server.address() as net.AddressInfo).port })
    const bytes = randomBytes(300_000)
    const written = pipeline(Readable.from(cut(bytes, 3, 30_000)), client, { end: false } as never)
    t.ok((await slowly(client, bytes.length)).bytes.equals(bytes), 'each byte once')
    await written
    client.resume().end()
    await once(client, 'close')
  })
}

t.test('servers that are none', async t => {
  const answers: [string, http.RequestListener, object][] = [
    ['500', (_, response) => response.writeHead(500).end(), { code: 'ERR_RTMP_TUNNEL_STATUS', message: /500/ }],
    ['404', (_, response) => response.writeHead(404).end(), { code: 'ERR_RTMP_TUNNEL_STATUS', message: /404/ }],
    ['no id', (_, response) => response.end(), { code: 'ERR_RTMP_TUNNEL_ID', layer: 'tunnel', offset: undefined }],
    ['a page', (_, response) => response.end('<html>'), { code: 'ERR_RTMP_TUNNEL_ID' }],
    ['a path', (_, response) => response.end('../../open\n'), { code: 'ERR_RTMP_TUNNEL_ID' }],
    ['an id of 64 characters', (_, response) => response.end('a'.repeat(64)), { code: 'ERR_RTMP_TUNNEL_ID' }],
    ['an endless id', (_, response) => void Readable.from(forever()).pipe(response), { code: 'ERR_RTMP_TUNNEL_ID' }],
    ['a reply that is cut', cutReply, { code: 'ECONNRESET' }],
    ['a reply to a send of another kind', badSend, { code: 'ERR_RTMP_TUNNEL_STATUS', message: /302/ }]
  ]
  for (const [name, listener, expected] of answers) {
    const server = http.createServer(listener)
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as net.AddressInfo
    const client = tunnelClient({ host: '127.0.0.1', port })
    client.write('hello')
    const [error] = await once(client, 'error')
    t.match(error, expected, name)
    server.close()
    server.closeAllConnections()
    const [refused] = await once(tunnelClient({ host: '127.0.0.1', port }), 'error')
    t.equal(refused.code, 'ECONNREFUSED')
  }

  function* forever(): Generator<string> {
    for (;;) yield 'x'
  }
  function cutReply(request: http.IncomingMessage, response: http.ServerResponse): void {
    if (request.url === '/open/1') response.end('an-id\n')
    else {
      response.writeHead(200, { 'Content-Length': 100 })
      response.write('\x01half', () => response.destroy())
    }
  }
  function badSend(request: http.IncomingMessage, response: http.ServerResponse): void {
    if (request.url === '/open/1') response.end('an-id\n')
    else response.writeHead(302, { Location: '/' }).end()
  }
})

t.test('a server that does not answer', async t => {
  const clock = new TestClock()
  const asked = new Promise<void>(resolve => {
    const server = http.createServer(() => resolve())
    server.listen(0, '127.0.0.1', () => {
      client = tunnelClient({ host: '127.0.0.1', port: (server.address() as net.AddressInfo).port }, { clock })
    })
    t.teardown(() => server.close())
  })
  let client: Duplex | undefined
  await asked
  const failed = once(client!, 'error')
  clock.pass(30_000)
  t.match(await failed, [{ code: 'ERR_RTMP_TUNNEL_IDLE' }])
  t.equal(clock.timers, 0)
})
