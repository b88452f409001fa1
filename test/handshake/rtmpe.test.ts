import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { ClientHandshake, type Encryption, type Handshake, ServerHandshake } from 'rtmpipe'
import t from 'tap'
import { Blowfish } from '../../lib/crypto/blowfish.ts'
import { DiffieHellman } from '../../lib/crypto/diffie-hellman.ts'
import { Rc4 } from '../../lib/crypto/rc4.ts'
import { ciphersOf, encipheredSignature } from '../../lib/handshake/encryption.ts'
import { findDigest, type Role, readKey, signatureOf, writeDigest } from '../../lib/handshake/packets.ts'
import { readPcap } from '../support/captures.ts'
import { cutAt } from '../support/chop.ts'
import { hex } from '../support/hex.ts'
import { buffers, holds } from '../support/property.ts'

const versions: readonly Encryption[] = [6, 8, 9]
const folder = new URL('../../../test/captures/rtmpe/', import.meta.url)
const captured = (name: string) => readFileSync(new URL(`rtmpdump-rtmpsrv-rtmpe.${name}`, folder))

/** What rtmpdump said of its keys, with -z: the hex dump behind a heading. */
function said(heading: string): Buffer {
  const [, dump] = captured('keys.txt').toString().split(heading)
  const [lines] = dump!.match(/^(\s*\n?DEBUG:(?: [0-9a-f]{2})+ *\n)+/)!
  return Buffer.from(lines.replace(/DEBUG:|\s/g, ''), 'hex')
}

t.test('rtmpdump and rtmpsrv, as they were captured: they signed and enciphered as we do', async t => {
  const [client, server] = readPcap(captured('pcap'))
  t.same([client[0], server[0]], [6, 8], 'asked for 6, rtmpsrv answers 8')
  const [c1, s1] = [client, server].map(bytes => bytes.subarray(1, 1537)) as [Buffer, Buffer]
  const [c2, s2] = [client, server].map(bytes => bytes.subarray(1537, 3073)) as [Buffer, Buffer]
  const [ofClient, ofServer] = [findDigest(c1, 'client')!, findDigest(s1, 'server')!]
  t.same([ofClient.scheme, ofServer.scheme], [0, 0])
  t.same(ofClient.digest, said('Initial client digest: '))
  const signed = (packet: Buffer, digest: Buffer, role: Role) => {
    const { signature, key } = signatureOf(packet, digest, role)
    return encipheredSignature(signature, key, 8)
  }
  t.same(signed(s2, ofClient.digest, 'server'), s2.subarray(1504))
  t.same(signed(c2, ofServer.digest, 'client'), c2.subarray(1504))
  t.same(c2.subarray(1504), said('Client signature calculated:'))
  const ours = readKey(c1, 0)
  const theirs = readKey(s1, 0)
  t.same([ours.offset, theirs.offset], [472, 422])
  const { incoming, outgoing } = ciphersOf(said('Secret key: '), { ours: ours.key, theirs: theirs.key })
  t.same(outgoing.turn(client.subarray(3073)), captured('client.decrypted.bin'))
  t.same(incoming.turn(server.subarray(3073)), captured('server.decrypted.bin'))
})

t.test('version 9 enciphers a signature by Blowfish, in blocks of two little-endian words', async t => {
  const key = Buffer.alloc(32)
  // the first byte of each block says which of fifteen keys: 0, 14, 0 and 2
  for (const [at, byte] of [0, 29, 45, 2].entries()) key[8 * at] = byte
  const keys = [
    hex`7934774c67d1383adfb356be8b7bd02438e0735841 5d6967`,
    hex`2b97118bd94ed9df20e39c10e6a1352111f9130d0b2465b2`,
    hex`7934774c67d1383adfb356be8b7bd02438e0735841 5d6967`,
    hex`1ae7e2f3f9147994c0d39743087bb384432f9d843f21019b`
  ]
  const signature = Buffer.from(Array.from({ length: 32 }, (_, i) => i))
  const expected = Buffer.concat(
    keys.map((each, i) => {
      const [left, right] = [signature.readUInt32LE(8 * i), signature.readUInt32LE(8 * i + 4)]
      return Buffer.from(Uint32Array.from(new Blowfish(each).encipher([left, right])).buffer)
    })
  )
  t.same(encipheredSignature(signature, key, 9), expected)
  t.same(encipheredSignature(signature, key, 6), signature)
  t.notSame(encipheredSignature(signature, key, 8), expected)
})

t.test('our machines take the first packets of both, and nothing that answers somebody else', async t => {
  const [client, server] = readPcap(captured('pcap'))
  const asServer = new ServerHandshake()
  const { reply } = asServer.feed(client.subarray(0, 1537))
  t.match(asServer, { encryption: 6, scheme: 0 })
  t.equal(reply?.[0], 6, 'asked for 6 we answer 6, whatever rtmpsrv does')
  t.throws(() => asServer.feed(client.subarray(1537, 3073)), { code: 'ERR_RTMP_HANDSHAKE_SIGNATURE', offset: 3041 })
  const asClient = new ClientHandshake({ encryption: 6 })
  t.equal(asClient.feed(server.subarray(0, 1537)).reply?.length, 1536)
  t.match(asClient, { encryption: 8, scheme: 0 })
  t.throws(() => asClient.feed(server.subarray(1537, 3073)), { code: 'ERR_RTMP_HANDSHAKE_SIGNATURE', offset: 3041 })
})

/** Plays the client's hello and every reply to the other until both are over. */
function shake(client: ClientHandshake, server: ServerHandshake): void {
  const { reply: s } = server.feed(client.hello())
  const { reply: c2 } = client.feed(s!)
  server.feed(c2!)
}

const heard = ({ ciphers }: Handshake, bytes: Buffer) => ciphers!.incoming.turn(bytes)
const sent = ({ ciphers }: Handshake, bytes: Buffer) => ciphers!.outgoing.turn(bytes)

t.test('each version, by each scheme, leads both to the same ciphers', async t => {
  for (const encryption of versions) {
    for (const digest of [0, 1] as const) {
      const [client, server] = [new ClientHandshake({ encryption, digest }), new ServerHandshake()]
      t.equal(client.hello()[0], encryption)
      shake(client, server)
      t.match(
        [client, server],
        [
          { encryption, scheme: digest },
          { encryption, scheme: digest }
        ]
      )
      const words = Buffer.from('what is said')
      t.same(heard(server, sent(client, words)), words)
      t.same(heard(client, sent(server, words)), words)
      t.notSame(sent(client, words), sent(server, words), 'each direction has its own')
    }
  }
  t.equal(new ClientHandshake({ encryption: 6 }).hello().readUInt32BE(5), 0x80000302, 'C1 tells 128.0.3.2')
})

t.test('keys lie where Adobe has them, and each side sends by the key of the other', async t => {
  const places = { 0: { sumAt: 768, base: 8 }, 1: { sumAt: 1532, base: 772 } }
  for (const digest of [0, 1] as const) {
    const keyIn = (packet: Buffer) => {
      const { sumAt, base } = places[digest]
      const sum = packet.subarray(sumAt, sumAt + 4).reduce((all, byte) => all + byte)
      return packet.subarray((sum % 632) + base, (sum % 632) + base + 128)
    }
    const client = new ClientHandshake({ encryption: 6, digest })
    const reply = new ServerHandshake().feed(client.hello()).reply!
    const byHand = new DiffieHellman()
    const s0s1 = withKey(reply.subarray(0, 1537), byHand.publicKey, 'server')
    t.same(keyIn(s0s1.subarray(1)), byHand.publicKey)
    client.feed(s0s1)
    const ours = keyIn(client.hello().subarray(1))
    const secret = byHand.secret(ours)!
    const cipher = (publicKey: Buffer) =>
      new Rc4(createHmac('sha256', secret).update(publicKey).digest().subarray(0, 16), 1536)
    const words = Buffer.from('what is said')
    t.same(sent(client, words), cipher(byHand.publicKey).turn(words))
    t.same(heard(client, words), cipher(ours).turn(words))
  }
})

t.test('a client may be answered by another version than it asked for', async t => {
  for (const asked of versions) {
    for (const spoken of versions) {
      const [client, server] = [new ClientHandshake({ encryption: asked }), new ServerHandshake()]
      const hello = Buffer.concat([Buffer.of(spoken), client.hello().subarray(1)])
      server.feed(client.feed(server.feed(hello).reply!).reply!)
      t.match([client.encryption, server.encryption], [spoken, spoken], `asked ${asked}, answered ${spoken}`)
    }
  }
})

t.test('a client that wants RTMPE never speaks in the clear, nor one in the clear RTMPE', async t => {
  const version = { code: 'ERR_RTMP_HANDSHAKE_VERSION', offset: 0 } as const
  for (const encryption of versions) {
    for (const other of [0, 3, 4, 7, 10, 31, 255]) {
      t.throws(() => new ClientHandshake({ encryption }).feed(Buffer.of(other)), version, `${encryption}, ${other}`)
    }
    t.throws(() => new ClientHandshake().feed(Buffer.of(encryption)), version)
    t.throws(() => new ServerHandshake({ encryption: false }).feed(Buffer.of(encryption)), version)
  }
  t.doesNotThrow(() => new ServerHandshake({ encryption: false }).feed(Buffer.of(3)))
})

t.test('an encryption that is none, or has no digest, is the caller’s mistake', async t => {
  t.throws(() => new ClientHandshake({ encryption: 7 as never }), TypeError)
  t.throws(() => new ClientHandshake({ encryption: 3 as never }), TypeError)
  t.throws(() => new ClientHandshake({ encryption: 6, digest: 'simple' }), TypeError)
})

/** A C0 and C1, or S0 and S1, with another key in it, digested anew. */
function withKey(hello: Buffer, key: Buffer, role: Role): Buffer {
  const changed = Buffer.from(hello)
  const packet = changed.subarray(1, 1537)
  const { scheme } = findDigest(packet, role)!
  key.copy(readKey(packet, scheme).key)
  writeDigest(packet, scheme, role)
  return changed
}

const prime = Buffer.from(
  'ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd' +
    'ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed' +
    'ee386bfb5a899fa5ae9f24117c4b1fe649286651ece65381ffffffffffffffff',
  'hex'
)
const lessThanPrime = (by: number) => Buffer.concat([prime.subarray(0, 127), Buffer.of(0xff - by)])

t.test('weak keys are refused, whoever sends them', async t => {
  const weak = {
    0: Buffer.alloc(128),
    1: Buffer.concat([Buffer.alloc(127), Buffer.of(1)]),
    'p - 2, which is outside the subgroup': lessThanPrime(2),
    'p - 1': lessThanPrime(1),
    p: prime,
    'more than p': Buffer.alloc(128, 0xff)
  }
  for (const encryption of versions) {
    for (const digest of [0, 1] as const) {
      for (const [name, key] of Object.entries(weak)) {
        const refused = { code: 'ERR_RTMP_HANDSHAKE_KEY', layer: 'handshake' } as const
        const client = new ClientHandshake({ encryption, digest })
        const server = new ServerHandshake()
        t.throws(() => server.feed(withKey(client.hello(), key, 'client')), refused, `a client's ${name}`)
        t.equal(server.ciphers, undefined)
        const { reply } = new ServerHandshake().feed(client.hello())
        t.throws(() => client.feed(withKey(reply!, key, 'server')), refused, `a server's ${name}`)
        t.equal(client.ciphers, undefined)
      }
    }
  }
})

t.test('any bit that is turned over ends it', async t => {
  const turned = (bytes: Buffer, bit: number) => {
    const changed = Buffer.from(bytes)
    changed[bit >> 3]! ^= 1 << (bit & 7)
    return changed
  }
  const ends = (feed: () => unknown, code: RegExp) => {
    try {
      feed()
      return false
    } catch (error) {
      return code.test((error as { code: string }).code)
    }
  }
  const first = /^ERR_RTMP_HANDSHAKE_(DIGEST|KEY)$/
  const second = /^ERR_RTMP_HANDSHAKE_SIGNATURE$/
  holds(
    t,
    'in C1, S1, C2 or S2',
    fc.property(fc.constantFrom(...versions), fc.nat(8 * 1536 - 1), (encryption, bit) => {
      const client = new ClientHandshake({ encryption })
      const server = new ServerHandshake()
      const reply = server.feed(client.hello()).reply!
      return [
        ends(() => new ServerHandshake().feed(turned(client.hello(), bit + 8)), first),
        ends(() => new ClientHandshake({ encryption }).feed(turned(reply, bit + 8)), first),
        ends(() => server.feed(turned(client.feed(reply.subarray(0, 1537)).reply!, bit)), second),
        ends(() => client.feed(turned(reply.subarray(1537), bit)), second)
      ].every(Boolean)
    }),
    { numRuns: 60 }
  )
})

t.test('any way to cut the bytes comes to the same, in both roles, and what is behind is deciphered', async t => {
  holds(
    t,
    'cuts',
    fc.property(
      fc.constantFrom(...versions),
      fc.array(fc.nat(3300), { maxLength: 8 }),
      buffers(200),
      (encryption, places, tail) => {
        const client = new ClientHandshake({ encryption })
        const server = new ServerHandshake()
        const reply = server.feed(client.hello()).reply!
        const c2 = client.feed(reply.subarray(0, 1537)).reply!
        client.feed(reply.subarray(1537))
        // what the server hears, cut; the client is over already
        const toServer = Buffer.concat([c2, sent(client, tail)])
        const fromClient = fed(server, cutAt(toServer, places))
        const toClient = sent(server, tail)
        const replayed = Buffer.concat([...cutAt(toClient, places)].map(piece => heard(client, piece)))
        return fromClient.equals(tail) && replayed.equals(tail)
      }
    ),
    { numRuns: 40 }
  )
  holds(
    t,
    'a client, from its first byte',
    fc.property(
      fc.constantFrom(...versions),
      fc.array(fc.nat(3300), { maxLength: 8 }),
      buffers(200),
      (encryption, places, tail) => {
        const client = new ClientHandshake({ encryption })
        const server = new ServerHandshake()
        const reply = server.feed(client.hello()).reply!
        return fed(client, cutAt(Buffer.concat([reply, sent(server, tail)]), places)).equals(tail)
      }
    ),
    { numRuns: 40 }
  )
})

/** Feeds a machine, and gives what came behind the handshake, deciphered. */
function fed(machine: Handshake, pieces: Iterable<Buffer>): Buffer {
  const behind: Buffer[] = []
  let isOver = false
  for (const piece of pieces) {
    const rest = isOver ? piece : machine.feed(piece).rest
    if (rest === undefined) continue
    isOver = true
    behind.push(heard(machine, rest))
  }
  return Buffer.concat(behind)
}
