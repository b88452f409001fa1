import { createHash } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { DiffieHellman, numberOf, primeOf } from '../../../lib/crypto/diffie-hellman.ts'
import { overrides, readCertificate, winsGlare, writeCertificate } from '../../../lib/rtmfp/crypto/certificate.ts'
import { readDiscriminator, selects, writeDiscriminator } from '../../../lib/rtmfp/crypto/endpoint-discriminator.ts'
import { isAcceptable, withoutZeros } from '../../../lib/rtmfp/crypto/group-key.ts'
import { Identity, type IdentityOptions } from '../../../lib/rtmfp/crypto/identity.ts'
import { Initiation, respond } from '../../../lib/rtmfp/crypto/key-agreement.ts'
import { readKeyComponent, writeKeyComponent } from '../../../lib/rtmfp/crypto/key-component.ts'
import { PacketOpener } from '../../../lib/rtmfp/crypto/packet-opener.ts'
import { defaultProtection } from '../../../lib/rtmfp/crypto/packet-protection.ts'
import { PacketSealer } from '../../../lib/rtmfp/crypto/packet-sealer.ts'
import { profiles } from '../../../lib/rtmfp/crypto/profiles.ts'
import { sessionKeys } from '../../../lib/rtmfp/crypto/session-keys.ts'
import { agreedTerms, defaultTerms, isSent, type Terms } from '../../../lib/rtmfp/crypto/terms.ts'
import type { RtmfpChunk } from '../../../lib/rtmfp/wire/chunk.ts'
import { readPacket } from '../../../lib/rtmfp/wire/packet.ts'
import { hex } from '../../support/hex.ts'
import { buffers, holds } from '../../support/property.ts'
import { datagramsOf, keysOf, rtmfpCaptures } from '../../support/rtmfp-captures.ts'

const refused = { name: 'ProtocolError', code: 'ERR_RTMP_RTMFP_KEYING', layer: 'rtmfp' }
const options = { terms: defaultTerms }

/** The startup chunks of a capture, those to opening sessions too. */
function startupOf(name: string): RtmfpChunk[] {
  const opener = new PacketOpener(defaultProtection)
  return datagramsOf(name).flatMap(({ bytes }) => {
    const packet = opener.open(bytes.subarray(4))
    return packet === undefined || (packet[0]! & 3) !== 3 ? [] : [...readPacket(packet).chunks]
  })
}

const certificatesOf = (name: string) =>
  startupOf(name).flatMap(chunk =>
    chunk.kind === 'RHello' || chunk.kind === 'IIKeying' ? [readCertificate(chunk.certificate)] : []
  )

t.test('the keys of every session are those that real programs had', async t => {
  for (const name of rtmfpCaptures) {
    for (const { secret, skic, skrc, initiator, responder, group } of keysOf(name)) {
      const keys = sessionKeys(secret, skic, skrc)
      const [near, far] = [readKeyComponent(skic), readKeyComponent(skrc)]
      for (const [end, had] of [
        [keys.initiator, initiator],
        [keys.responder, responder]
      ] as const) {
        t.same(end.key, had.protection.key, name)
        t.same(end.hmacKey, had.protection.hmacKey, name)
        t.same(end.nonce, had.nonce, name)
      }
      t.match(initiator.protection, agreedTerms(near.terms, far.terms), `${name}: terms of the initiator`)
      t.match(responder.protection, agreedTerms(far.terms, near.terms), `${name}: terms of the responder`)
      t.equal(near.selectedGroup ?? near.ephemeralKey?.group, group, name)
    }
  }
})

t.test('the component of tcpublish, and of tcserver', async t => {
  const [{ skic, skrc }] = keysOf('publish-default') as [ReturnType<typeof keysOf>[0]]
  t.match(readKeyComponent(skic), {
    selectedGroup: 16,
    ephemeralKey: undefined,
    terms: { hmac: 7, hmacLength: 16, sequence: 7 }
  })
  t.equal(readKeyComponent(skic).randomness?.length, 64)
  t.match(readKeyComponent(skrc), { selectedGroup: undefined, randomness: undefined, ephemeralKey: { group: 16 } })
  t.same(writeKeyComponent(readKeyComponent(skic)), skic)
  t.match(readKeyComponent(hex`041d02 ffff`.subarray(0, 0)).terms, { hmac: 0, hmacLength: 0, sequence: 0 }, 'Flash’s')
  t.match(
    readKeyComponent(hex`021a07 011e`).terms,
    { hmac: 7, hmacLength: 0, sequence: 0 },
    'without a length or flags'
  )
  for (const cut of [1, 2, 40, skrc.length - 1]) {
    t.throws(() => readKeyComponent(skrc.subarray(0, cut)), { layer: 'rtmfp', code: 'ERR_RTMP_TRUNCATED' })
  }
})

t.test('an end sends what it always sends, or on the request of the other', async t => {
  const sent = (receiver: number) =>
    Array.from({ length: 8 }, (_, sender) => (isSent(sender, receiver) ? 1 : 0)).join('')
  for (const receiver of [0, 2, 4, 6]) t.equal(sent(receiver), '00001111', `the other does not request: ${receiver}`)
  for (const receiver of [1, 3, 5, 7]) t.equal(sent(receiver), '00111111', `the other requests: ${receiver}`)
})

/** What ours comes to with others: bytes of HMACs, and whether there are numbers, of what we send and of what they do. */
const table: [who: string, others: Terms, ours: [number, boolean], theirs: [number, boolean]][] = [
  ['rtmfp-cpp', { hmac: 7, hmacLength: 16, sequence: 7 }, [16, true], [16, true]],
  [
    'rtmfp-cpp -H -S as the responder, which raises its flags',
    { hmac: 6, hmacLength: 16, sequence: 6 },
    [0, false],
    [16, true]
  ],
  ['rtmfp-cpp -H -S as the initiator', { hmac: 2, hmacLength: 16, sequence: 2 }, [0, false], [16, true]],
  ['ours', { hmac: 3, hmacLength: 20, sequence: 3 }, [16, true], [20, true]],
  ['MonaServer', { hmac: 0, hmacLength: 0, sequence: 0 }, [0, false], [0, false]],
  ['one that only requests', { hmac: 1, hmacLength: 0, sequence: 1 }, [16, true], [0, false]]
]

t.test('what ours and others come to', async t => {
  for (const [who, others, ours, theirs] of table) {
    const values = (sender: Terms, receiver: Terms) => Object.values(agreedTerms(sender, receiver))
    t.same(values(defaultTerms, others), ours, `to ${who}`)
    t.same(values(others, defaultTerms), theirs, `from ${who}`)
  }
  for (const hmacLength of [0, 1, 3, 33, 2 ** 40]) {
    t.throws(() => agreedTerms({ ...defaultTerms, hmacLength }, defaultTerms), refused, `HMACs of ${hmacLength} bytes`)
    t.equal(
      agreedTerms({ ...defaultTerms, hmacLength }, { ...defaultTerms, hmac: 2 }).hmacLength,
      0,
      'which nobody wants'
    )
  }
})

t.test('certificates of real programs', async t => {
  const [server, client] = certificatesOf('publish-default') as [
    ReturnType<typeof readCertificate>,
    ReturnType<typeof readCertificate>
  ]
  t.match(server, { acceptsAncillaryData: true, ephemeralGroups: [16, 14, 2], staticKeys: [], hostname: undefined })
  t.match(client, { acceptsAncillaryData: false, ephemeralGroups: [] })
  t.same(
    client.staticKeys.map(({ group, publicKey }) => [group, publicKey.length]),
    [
      [16, 512],
      [14, 256],
      [2, 128]
    ]
  )
  const [, flash] = certificatesOf('mona-play')
  t.match(flash, { staticKeys: [{ group: 2 }] }, 'as MonaServer wants it: of group 2 alone')
  for (const name of rtmfpCaptures) {
    for (const certificate of certificatesOf(name)) {
      const { bytes, staticKeys } = certificate
      if (staticKeys.length > 0 && !certificate.acceptsAncillaryData) t.same(writeCertificate(certificate), bytes, name)
      for (const { group, publicKey } of staticKeys) t.ok(isAcceptable(publicKey, group as 2), name)
    }
  }
})

t.test('the peer id is the fingerprint: by it a client finds another at an introducer', async t => {
  const chunks = startupOf('introduction')
  const hellos = chunks.flatMap(chunk =>
    chunk.kind === 'IHello' ? [readDiscriminator(chunk.endpointDiscriminator)] : []
  )
  const { fingerprint } = hellos.find(({ fingerprint }) => fingerprint !== undefined)!
  const named = certificatesOf('introduction').filter(certificate => selects({ fingerprint }, certificate))
  t.ok(named.length > 0)
  t.ok(named.every(({ fingerprint: own }) => own.equals(fingerprint!)))
})

t.test('the first Marker ends what counts of a certificate', async t => {
  const canonical = hex`01 0a 02 15 0e 00`
  const certificate = readCertificate(hex`${canonical} 03 00 61 62 02 15 02 00`)
  t.match(certificate, { acceptsAncillaryData: true, ephemeralGroups: [14], hostname: undefined })
  t.same(certificate.fingerprint, createHash('sha256').update(canonical).digest())
  t.not(readCertificate(hex`01 0a 02 15 0e`).fingerprint.equals(certificate.fingerprint), true)
})

t.test('certificates that are none', async t => {
  const wrong: [string, Buffer][] = [
    ['empty', hex``],
    ['neither ephemeral nor static', hex`01 0a`],
    ['both', hex`02 15 02 03 1d 02 07`],
    ['two hostnames', hex`02 00 61 02 00 61 02 15 02`],
    ['its groups behind the Marker', hex`01 0a 00 02 15 02`],
    ['of more than 8 KiB', Buffer.concat([hex`02 15 02 00`, Buffer.alloc(8189)])]
  ]
  for (const [name, bytes] of wrong) t.throws(() => readCertificate(bytes), refused, name)
  t.throws(() => readCertificate(hex`02 15`), { code: 'ERR_RTMP_TRUNCATED' })
  t.throws(() => readCertificate(hex`01 15`), { code: 'ERR_RTMP_TRUNCATED' }, 'a group without a number')
  t.match(
    readCertificate(hex`02 15 07 02 15 02 03 09 ff ff`).ephemeralGroups,
    [7, 2],
    'what is not known is passed over'
  )
})

t.test('an initiator for programs of Flash’s time has a key of group 2 in its certificate, and that alone', async t => {
  const { bytes } = new Identity({ groups: profiles.legacy.groups, isStatic: true }).certificate
  // a key has no leading zeros: one in 256 is shorter
  t.ok(bytes.length <= 4 + 128)
  t.same(bytes.subarray(0, 4), Buffer.of(0x81, bytes.length - 2 - 128, 0x1d, 2))
})

t.test('ours are small where amplification counts, and no two are alike', async t => {
  const server = new Identity({ acceptsAncillaryData: true }).certificate
  t.ok(server.bytes.length <= 54, 'so that an RHello is no three times an IHello of 52 bytes')
  t.match(server, { acceptsAncillaryData: true, ephemeralGroups: [14, 2], staticKeys: [] })
  t.not(server.fingerprint.equals(new Identity({ acceptsAncillaryData: true }).certificate.fingerprint), true)
  const named = new Identity({ hostname: 'media.example', isStatic: true, groups: [2] })
  t.match(named.certificate, { hostname: Buffer.from('media.example'), staticKeys: [{ group: 2 }] })
  t.throws(() => new Identity({ groups: [] }), RangeError)
})

t.test('whom a discriminator selects', async t => {
  const server = new Identity({ hostname: 'a', acceptsAncillaryData: true }).certificate
  const plain = new Identity({ hostname: 'a' }).certificate
  const client = new Identity({ isStatic: true, groups: [2] }).certificate
  const uri = Buffer.from('rtmfp://127.0.0.1:21500/live')
  const read = (bytes: Buffer) => readDiscriminator(bytes)
  t.same(read(hex`1d 0a ${uri}`).ancillaryData, uri)
  t.same(writeDiscriminator({ ancillaryData: uri }), hex`1d 0a ${uri}`, 'as tcpublish has it')
  t.same(writeDiscriminator({ fingerprint: client.fingerprint }), hex`21 0f ${client.fingerprint}`, 'the canonical one')
  const rows: [string, Buffer, boolean, boolean, boolean][] = [
    ['a URI', hex`1d 0a ${uri}`, true, false, false],
    ['a hostname', hex`02 00 61`, true, true, false],
    ['another hostname', hex`02 00 62`, false, false, false],
    ['a hostname that begins so', hex`03 00 61 61`, false, false, false],
    ['a hostname and a URI', hex`02 00 61 02 0a 2f`, true, false, false],
    ['a fingerprint', hex`21 0f ${client.fingerprint}`, false, false, true],
    ['a fingerprint, whatever else', hex`21 0f ${client.fingerprint} 02 00 62 02 0a 2f`, false, false, true],
    ['a fingerprint that is cut', hex`20 0f ${client.fingerprint.subarray(1)}`, false, false, false],
    ['nothing', hex``, false, false, false],
    ['Markers, and what is not known', hex`00 02 0b 61 00`, false, false, false]
  ]
  for (const [name, bytes, ...expected] of rows) {
    t.same(
      [server, plain, client].map(each => selects(read(bytes), each)),
      expected,
      name
    )
  }
  t.throws(() => read(hex`05 0a 61`), { code: 'ERR_RTMP_TRUNCATED', layer: 'rtmfp' })
})

t.test('of two that open a session to each other, one stays the initiator', async t => {
  const certificate = (bytes: Buffer) => ({ ...new Identity({ groups: [2] }).certificate, bytes })
  const [small, longer, large] = [hex`01 02`, hex`01 02 00`, hex`01 03`].map(certificate)
  t.ok(winsGlare(small!, large!))
  t.notOk(winsGlare(large!, small!))
  t.ok(winsGlare(small!, longer!), 'the shorter one is smaller')
  t.notOk(winsGlare(large!, longer!), 'but length is not what counts')
  t.ok(overrides(small!, certificate(hex`0102`)))
  t.notOk(overrides(small!, longer!))
})

/** The kinds of ends by who of real programs is one. */
const static14: IdentityOptions = { isStatic: true, groups: [14, 2] }
const combinations: [string, IdentityOptions, IdentityOptions, group: number, skic: string[], skrc: string[]][] = [
  [
    'static, ephemeral: tcpublish, tcserver',
    static14,
    { groups: [16, 14, 2] },
    14,
    ['selectedGroup', 'randomness'],
    ['ephemeralKey']
  ],
  ['ephemeral, ephemeral', { groups: [5, 2] }, { groups: [14, 2] }, 2, ['ephemeralKey'], ['ephemeralKey']],
  ['ephemeral, static: tcserver -x', { groups: [14] }, static14, 14, ['ephemeralKey'], ['randomness']],
  ['static, static', static14, { isStatic: true, groups: [2] }, 2, ['selectedGroup', 'randomness'], ['randomness']],
  ['group 16', { groups: [16] }, { groups: [16] }, 16, ['ephemeralKey'], ['ephemeralKey']],
  ['group 5', { groups: [5], isStatic: true }, { groups: [2, 5] }, 5, ['selectedGroup', 'randomness'], ['ephemeralKey']]
]

t.test('both ends come to the same keys, whoever is static', async t => {
  for (const [name, initiator, responder, group, inSkic, inSkrc] of combinations) {
    const [near, far] = [new Identity(initiator), new Identity(responder)]
    const initiation = new Initiation(near, far.certificate, options)
    const theirs = respond(far, near.certificate, initiation.component, options)
    const ours = initiation.agree(theirs.skrc)
    t.same(ours, theirs, name)
    t.equal(ours.group, group, name)
    const parts = ({ terms: _, ...component }: object & { terms: unknown }) =>
      Object.entries(component).flatMap(([part, value]) => (value === undefined ? [] : [part]))
    t.same(parts(readKeyComponent(ours.skic)).sort(), inSkic.sort(), `${name}: SKIC`)
    t.same(parts(readKeyComponent(ours.skrc)).sort(), inSkrc.sort(), `${name}: SKRC`)
    t.match(ours.initiator.protection, { hmacLength: 16, isSequenced: true })
    const packet = hex`0e 01 02`
    const sealed = new PacketSealer(ours.responder.protection).seal(packet)
    t.same(new PacketOpener(theirs.responder.protection).open(sealed)?.subarray(0, 3), packet, name)
    const again = new Initiation(near, far.certificate, options)
    t.notOk(again.component.equals(initiation.component), 'no two sessions have the same keys')
  }
})

t.test('a secret that begins with a zero is hashed without it', async t => {
  const far = new Identity({ groups: [2], isStatic: true })
  const near = new Identity({ groups: [2] })
  for (;;) {
    const initiation = new Initiation(near, far.certificate, options)
    const theirs = respond(far, near.certificate, initiation.component, options)
    if (theirs.secret.length === 128) continue
    t.not(theirs.secret[0], 0)
    t.same(initiation.agree(theirs.skrc), theirs)
    t.same(theirs.initiator.nonce, sessionKeys(theirs.secret, theirs.skic, theirs.skrc).initiator.nonce)
    break
  }
  t.same(withoutZeros(hex`00 00 01 00`), hex`01 00`)
})

t.test('weak public keys are none', async t => {
  for (const group of [2, 5, 14, 16] as const) {
    const prime = numberOf(primeOf(group))
    const { length } = primeOf(group)
    const key = (number: bigint) => Buffer.from(number.toString(16).padStart(length * 2, '0'), 'hex')
    const ones = (count: number) => (1n << BigInt(count)) - 1n
    const weak: [string, bigint][] = [
      ['0', 0n],
      ['1', 1n],
      ['2', 2n],
      ['2^24 - 1', (1n << 24n) - 1n],
      ['p - 2^24 + 1', prime - (1n << 24n) + 1n],
      ['p - 2', prime - 2n],
      ['p - 1', prime - 1n],
      ['p', prime],
      ['p + 2^30', prime + (1n << 30n)],
      ['15 ones', ones(15) << 400n],
      ['15 zeros', ones(500) << 15n],
      ['15 zeros in between', ((ones(300) << 15n) | 1n) << 0n]
    ]
    for (const [name, number] of weak) t.notOk(isAcceptable(key(number), group), `${name} in group ${group}`)
    t.ok(isAcceptable(key(ones(16) << 16n), group), '16 ones and 16 zeros')
    t.ok(isAcceptable(key((ones(16) << 16n) | (1n << 60n)), group))
    t.ok(isAcceptable(Buffer.concat([Buffer.alloc(40), key(ones(16) << 400n)]), group), 'zeros may lead')
    t.ok(isAcceptable(new DiffieHellman(group).publicKey, group))
    t.notOk(isAcceptable(hex``, group))
  }
})

t.test('a responder refuses what an initiator may not say', async t => {
  const responder = new Identity({ groups: [2] })
  const initiator = new Identity({ groups: [2] })
  const { terms } = options
  const own = new DiffieHellman(2)
  const prime = numberOf(primeOf(2))
  const initiatorsOwn = writeKeyComponent({ terms, ephemeralKey: { group: 2, publicKey: own.publicKey } })
  const outside = Buffer.from((prime - numberOf(own.publicKey)).toString(16).padStart(256, '0'), 'hex')
  const wrong: [string, Buffer][] = [
    ['nothing', hex``],
    ['no key', writeKeyComponent({ terms, randomness: Buffer.alloc(64) })],
    [
      'a group it does not have',
      writeKeyComponent({ terms, ephemeralKey: { group: 5, publicKey: Buffer.alloc(192, 7) } })
    ],
    ['a group nobody has', writeKeyComponent({ terms, ephemeralKey: { group: 999, publicKey: own.publicKey } })],
    ['a weak key', writeKeyComponent({ terms, ephemeralKey: { group: 2, publicKey: hex`01` } })],
    ['a key near 0', writeKeyComponent({ terms, ephemeralKey: { group: 2, publicKey: hex`04` } })],
    ['more than 4 KiB', Buffer.concat([initiatorsOwn, Buffer.alloc(4096 - initiatorsOwn.length + 1)])],
    ['an empty key', writeKeyComponent({ terms, ephemeralKey: { group: 2, publicKey: hex`` } })],
    ['a key outside the subgroup', writeKeyComponent({ terms, ephemeralKey: { group: 2, publicKey: outside } })],
    ['a group only, with an ephemeral certificate', writeKeyComponent({ terms, selectedGroup: 2 })],
    [
      'HMACs of 33 bytes',
      writeKeyComponent({ terms: { ...terms, hmacLength: 33 }, ephemeralKey: { group: 2, publicKey: own.publicKey } })
    ]
  ]
  for (const [name, skic] of wrong)
    t.throws(() => respond(responder, initiator.certificate, skic, options), refused, name)
  const fixed = new Identity({ groups: [14], isStatic: true })
  t.throws(() => new Initiation(fixed, responder.certificate, options), refused, 'no group in common')
  const select2 = writeKeyComponent({ terms, selectedGroup: 2, randomness: Buffer.alloc(64) })
  t.throws(() => respond(responder, fixed.certificate, select2, options), refused, 'a group it has no key of')
  const good = writeKeyComponent({
    terms,
    ephemeralKey: { group: 2, publicKey: Buffer.concat([Buffer.alloc(2), own.publicKey]) }
  })
  t.equal(respond(responder, initiator.certificate, good, options).group, 2, 'but zeros may lead a key')
})

t.test('an initiator refuses what a responder may not say', async t => {
  const [near, far] = [new Identity({ groups: [2] }), new Identity({ groups: [2] })]
  const { terms } = options
  const initiation = new Initiation(near, far.certificate, options)
  const wrong: [string, Buffer][] = [
    ['nothing', hex``],
    [
      'a key of another group',
      writeKeyComponent({ terms, ephemeralKey: { group: 14, publicKey: new DiffieHellman(14).publicKey } })
    ],
    ['randomness in place of a key', writeKeyComponent({ terms, randomness: Buffer.alloc(64) })],
    ['p - 1', writeKeyComponent({ terms, ephemeralKey: { group: 2, publicKey: Buffer.alloc(128, 0xff) } })]
  ]
  for (const [name, skrc] of wrong) t.throws(() => initiation.agree(skrc), refused, name)
  t.equal(
    initiation.agree(respond(far, near.certificate, initiation.component, options).skrc).group,
    2,
    'it may be asked again'
  )
})

t.test('who is strict refuses a peer that protects less', async t => {
  const [near, far] = [new Identity({ groups: [2] }), new Identity({ groups: [2] })]
  const strict = { ...options, isStrict: true }
  const mona = { terms: { hmac: 0, hmacLength: 0, sequence: 0 } }
  const noSequence = { terms: { ...defaultTerms, sequence: 0 } }
  for (const other of [mona, noSequence]) {
    const skic = new Initiation(near, far.certificate, other).component
    t.throws(() => respond(far, near.certificate, skic, strict), refused)
    const initiation = new Initiation(near, far.certificate, strict)
    t.throws(() => initiation.agree(respond(far, near.certificate, initiation.component, other).skrc), refused)
  }
  const initiation = new Initiation(near, far.certificate, strict)
  const { skrc } = respond(far, near.certificate, initiation.component, strict)
  t.ok(initiation.agree(skrc))
})

t.test('whatever comes, it is read or refused', async t => {
  const responder = new Identity({ groups: [2] })
  for (const read of [
    readCertificate,
    readDiscriminator,
    readKeyComponent,
    (bytes: Buffer) => respond(responder, responder.certificate, bytes, options)
  ]) {
    holds(
      t,
      read.name,
      fc.property(
        fc.oneof(buffers(60), fc.array(fc.constantFrom(0, 1, 2, 3, 4, 0x0a, 0x0d, 0x15, 0x1a, 0x1d)).map(Buffer.from)),
        bytes => {
          try {
            read(bytes)
            return true
          } catch (error) {
            return (error as { layer?: string }).layer === 'rtmfp'
          }
        }
      )
    )
  }
})
