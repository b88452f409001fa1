import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { ClientHandshake, type Handshake, ServerHandshake } from 'rtmpipe'
import t from 'tap'
import { bytewise, cutAt } from '../support/chop.ts'
import { hex } from '../support/hex.ts'
import { buffers, holds } from '../support/property.ts'

const zeros = (length: number) => Buffer.alloc(length, 0x5a)

/** Plays the client's hello and every reply to the other until both are over; what each had left. */
function shake(
  client: ClientHandshake,
  server: ServerHandshake,
  cut: (bytes: Buffer) => Iterable<Buffer> = bytes => [bytes]
) {
  const rests: Buffer[] = []
  const play = (bytes: Buffer, to: Handshake, back: Handshake): void => {
    for (const piece of cut(bytes)) {
      const { reply, rest } = to.feed(piece)
      if (reply !== undefined) play(reply, back, to)
      if (rest !== undefined) rests.push(rest)
    }
  }
  play(client.hello(), server, client)
  return rests
}

t.test('simple: C0 and C1 are answered with S0, S1 and an S2 that is C1, and S1 with a C2 that is S1', async t => {
  const client = new ClientHandshake({ digest: 'simple', time: 1000, random: zeros })
  const hello = client.hello()
  t.equal(hello.length, 1537)
  t.same(hello.subarray(0, 9), hex`03 000003e8 00000000`)
  const server = new ServerHandshake({ time: 2000, random: zeros })
  const { reply, rest } = server.feed(hello)
  t.equal(rest, undefined)
  t.equal(reply?.length, 3073)
  t.same(reply?.subarray(0, 9), hex`03 000007d0 00000000`, 'version 0 says: no digest here')
  t.same(reply?.subarray(1537), hello.subarray(1))
  const answer = client.feed(reply!)
  t.same(answer.reply, reply?.subarray(1, 1537))
  t.same(answer.rest, Buffer.alloc(0), 'the client is over when S2 has come')
  t.same(server.feed(answer.reply!), { reply: undefined, rest: Buffer.alloc(0) }, 'the server when C2 has')
})

t.test('digest: the server answers by the scheme of the client', async t => {
  for (const digest of [0, 1] as const) {
    const client = new ClientHandshake({ digest })
    const server = new ServerHandshake()
    shake(client, server)
    t.equal(server.scheme, digest)
    t.equal(client.scheme, digest)
  }
})

t.test('digest: C1 is digested and S2 signed as Adobe did', async t => {
  const client = new ClientHandshake({ digest: 1 })
  const c1 = client.hello().subarray(1)
  const offset = ((c1[8]! + c1[9]! + c1[10]! + c1[11]!) % 728) + 12
  const digest = c1.subarray(offset, offset + 32)
  const others = Buffer.concat([c1.subarray(0, offset), c1.subarray(offset + 32)])
  t.same(createHmac('sha256', 'Genuine Adobe Flash Player 001').update(others).digest(), digest)
  const s2 = new ServerHandshake().feed(client.hello()).reply!.subarray(1537)
  const secret = hex`f0eec24a8068bee8 2e00d0d1029e7e57 6eec5d2d29806fab 93b8e636cfeb31ae`
  const key = createHmac('sha256', Buffer.concat([Buffer.from('Genuine Adobe Flash Media Server 001'), secret]))
    .update(digest)
    .digest()
  t.same(createHmac('sha256', key).update(s2.subarray(0, 1504)).digest(), s2.subarray(1504))
})

t.test('a digest that does not fit is taken for random bytes', async t => {
  const hello = Buffer.from(new ClientHandshake({ digest: 1 }).hello())
  hello[1000] = hello[1000]! ^ 1
  const server = new ServerHandshake()
  const { reply } = server.feed(hello)
  t.equal(server.scheme, undefined)
  t.same(reply?.subarray(1537), hello.subarray(1), 'and answered simply')
})

t.test('what C2 and S2 hold does not matter (errata 3)', async t => {
  const server = new ServerHandshake()
  server.feed(new ClientHandshake().hello())
  t.ok(server.feed(Buffer.alloc(1536, 0xff)).rest)
  const client = new ClientHandshake()
  t.ok(client.feed(hex`03 ${Buffer.alloc(3072, 0xff)}`).rest)
})

t.test('a client may send C2 and more without waiting for S2', async t => {
  const server = new ServerHandshake()
  const { reply, rest } = server.feed(
    Buffer.concat([new ClientHandshake().hello(), Buffer.alloc(1536), Buffer.from('connect')])
  )
  t.equal(reply?.length, 3073)
  t.equal(rest?.toString(), 'connect')
})

t.test('versions', async t => {
  for (let version = 0; version < 256; version++) {
    const feed = () => new ServerHandshake().feed(Buffer.of(version))
    const refused = version >= 32 || version === 22
    if (!refused) t.doesNotThrow(feed, `a server hears ${version} out`)
    else
      t.throws(
        feed,
        { code: 'ERR_RTMP_HANDSHAKE_VERSION', layer: 'handshake', offset: 0 },
        `a server refuses ${version} at its first byte`
      )
    const heard = () => new ClientHandshake().feed(Buffer.of(version))
    if (version === 3) t.doesNotThrow(heard)
    else t.throws(heard, { code: 'ERR_RTMP_HANDSHAKE_VERSION' }, `a client refuses ${version}`)
  }
  t.equal(
    new ServerHandshake().feed(hex`1f ${Buffer.alloc(1536)}`).reply?.[0],
    3,
    'a reserved version is answered with 3'
  )
})

t.test('what is missing', async t => {
  const server = new ServerHandshake()
  t.equal(server.missing, 3073)
  server.feed(Buffer.of(3))
  t.equal(server.missing, 3072)
  server.feed(Buffer.alloc(3072))
  t.equal(server.missing, 0)
})

t.test('any way to cut the bytes shakes the same hands, and loses none behind them', async t => {
  holds(
    t,
    'cuts',
    fc.property(fc.constantFrom(0, 1, 'simple'), fc.array(fc.nat(3100), { maxLength: 8 }), (digest, places) => {
      const client = new ClientHandshake({ digest: digest as 0 | 1 | 'simple' })
      const server = new ServerHandshake()
      const rests = shake(client, server, bytes => cutAt(bytes, places))
      return rests.length === 2 && server.scheme === (digest === 'simple' ? undefined : digest)
    })
  )
  const rests = shake(new ClientHandshake(), new ServerHandshake(), bytewise)
  t.equal(rests.length, 2, 'each byte alone')
  holds(
    t,
    'tails',
    fc.property(fc.array(fc.nat(3200), { maxLength: 8 }), buffers(100), (places, tail) => {
      const server = new ServerHandshake()
      const bytes = Buffer.concat([new ClientHandshake().hello(), Buffer.alloc(1536), tail])
      let behind: Buffer | undefined
      for (const piece of cutAt(bytes, places)) {
        if (behind !== undefined) behind = Buffer.concat([behind, piece])
        else behind = server.feed(piece).rest
      }
      return behind?.equals(tail) ?? false
    })
  )
})
