import { createCipheriv, createHmac } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { checksum } from '../../../lib/rtmfp/crypto/checksum.ts'
import { PacketOpener } from '../../../lib/rtmfp/crypto/packet-opener.ts'
import { defaultProtection, type PacketProtection } from '../../../lib/rtmfp/crypto/packet-protection.ts'
import { PacketSealer } from '../../../lib/rtmfp/crypto/packet-sealer.ts'
import { REPLAY_WINDOW, ReplayWindow } from '../../../lib/rtmfp/crypto/replay-window.ts'
import { hex } from '../../support/hex.ts'
import { buffers, holds } from '../../support/property.ts'
import { datagramsOf, keysOf, rtmfpCaptures } from '../../support/rtmfp-captures.ts'

const key = hex`204ae9c374124617d1b05e65f08e7fe9`
const hmacKey = hex`277cc41a24c256354fc83acc9e3f1ef14e602d95483812606df1be0bf08ef485`

/** Every way to protect a packet: checksum or HMAC, with sequence numbers and without. */
const modes: PacketProtection[] = [0, 4, 16, 32].flatMap(hmacLength =>
  [false, true].map(isSequenced => ({ key, hmacKey, hmacLength, isSequenced }))
)
const named = ({ hmacLength, isSequenced }: PacketProtection) =>
  `${hmacLength === 0 ? 'checksum' : `HMAC of ${hmacLength}`}${isSequenced ? ', numbered' : ''}`

/** What is encrypted, encrypted as the specification has it: by a cipher of its own. */
function encrypted(plain: Buffer): Buffer {
  const cipher = createCipheriv('aes-128-cbc', key, Buffer.alloc(16)).setAutoPadding(false)
  return Buffer.concat([cipher.update(plain), cipher.final()])
}
const signed = (blocks: Buffer, length: number) =>
  Buffer.concat([blocks, createHmac('sha256', hmacKey).update(blocks).digest().subarray(0, length)])

/** Padding is the packet’s own affair: bytes of ff that lead to no chunk. */
const isPadded = (opened: Buffer | undefined, packet: Buffer) =>
  opened?.subarray(0, packet.length).equals(packet) && opened.subarray(packet.length).every(byte => byte === 0xff)

t.test('an IHello of tcpublish, under the key that everybody knows', async t => {
  const sealed = hex`9b4e22b613cd30ba0deb79be15749075ebdb145ad264a7b0af476913e3c0d57dd4fd1a862c2668ff0fb4775b49896b7f569d2710e4ea1ba5ad84b4d9ab1c883f`
  const packet = hex`0b 0000 30 002f 1e 1d 0a ${Buffer.from('rtmfp://127.0.0.1:21500/live')} 3d0fac543becc7c41746ed0ae206f75c`
  const opened = new PacketOpener(defaultProtection).open(sealed)
  t.same(opened, Buffer.concat([packet, Buffer.alloc(9, 0xff)]))
  t.same(new PacketSealer(defaultProtection).seal(packet), sealed)
})

t.test('the first packet of a session, with an HMAC and number 0', async t => {
  const opener = new PacketOpener({
    key: hex`9146b4ce0307501535fbd6d0b10daaa7 8dc0297a49207dd8a66c189b47f87961`,
    hmacKey: hex`0611c3f2a8159557f8182eeec20755856ef1869233cf3556e2e5ae9f4b83f7d7`,
    hmacLength: 16,
    isSequenced: true
  })
  const packet = opener.open(hex`a669176a968e89f36baeff5a3c87cf5d 632170c43eceee139ea27adeca77f274`)
  t.same(packet, hex`0e 006c 0001 ec 0001 00 51 0003 02 40 01`)
  t.equal(opener.sequence, 0)
})

t.test('a checksum covers the padding, and takes a byte that is left over for a lower half', async t => {
  t.equal(checksum(hex``, 0), 0xffff)
  t.equal(checksum(hex`0001`, 0), 0xfffe)
  t.equal(checksum(hex`ffff ffff`, 0), 0)
  t.equal(checksum(hex`ffff 0001`, 0), 0xfffe, 'what is carried is added')
  t.equal(checksum(hex`0100 01`, 0), 0xfefe, 'RFC 1071 has fdff')
  t.equal(checksum(hex`77 0001`, 1), 0xfffe)
  const longest = Buffer.alloc(65_535, 0xff)
  t.equal(checksum(longest, 0), 0xff00, 'of a datagram as long as there can be')
})

t.test('each mode gives the bytes of a cipher of its own for each packet', async t => {
  const packets = [1, 13, 14, 15, 16, 17, 30, 100, 1200, 5000, 2].map(length => Buffer.alloc(length, length))
  for (const mode of modes) {
    const sealer = new PacketSealer(mode)
    for (const [number, packet] of packets.entries()) {
      const sequence = mode.isSequenced ? Buffer.of(number) : Buffer.alloc(0)
      const ahead = sequence.length + (mode.hmacLength === 0 ? 2 : 0)
      const rest = Buffer.concat([packet, Buffer.alloc(-(ahead + packet.length) & 15, 0xff)])
      const sum = Buffer.alloc(mode.hmacLength === 0 ? 2 : 0)
      if (sum.length > 0) sum.writeUInt16BE(checksum(rest, 0))
      const blocks = encrypted(Buffer.concat([sequence, sum, rest]))
      t.same(sealer.seal(packet), signed(blocks, mode.hmacLength), `${named(mode)}, ${packet.length} bytes`)
    }
  }
})

t.test('what is sealed opens, in every mode and any order', async t => {
  const packets = fc.array(buffers(300), { minLength: 1, maxLength: 8 })
  for (const mode of modes) {
    holds(
      t,
      named(mode),
      fc.property(packets, fc.nat(), fc.maxSafeNat(), (some, turn, first) => {
        const [sealer, opener] = [new PacketSealer(mode), new PacketOpener(mode)]
        sealer.sequence = Math.min(first, Number.MAX_SAFE_INTEGER - 10)
        const all = some.map(each => Buffer.concat([Buffer.of(1), each]))
        const sealed = all.map((packet, i) => {
          const sequence = mode.isSequenced ? sealer.sequence : 0
          const whole = sealer.seal(packet, 4)
          return { packet, sequence, sealed: whole.subarray(4), i }
        })
        sealed.sort((a, b) => ((a.i * 7 + turn) % 5) - ((b.i * 7 + turn) % 5))
        return sealed.every(
          ({ packet, sequence, sealed }) => isPadded(opener.open(sealed), packet) && opener.sequence === sequence
        )
      })
    )
  }
})

t.test('behind any bit that has changed, a packet with an HMAC does not open, and the next one does', async t => {
  const packet = Buffer.alloc(40, 0x0e)
  for (const mode of modes.filter(({ hmacLength }) => hmacLength > 0)) {
    const [sealer, opener] = [new PacketSealer(mode), new PacketOpener(mode)]
    const sealed = sealer.seal(packet)
    const wrong: number[] = []
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = Buffer.from(sealed)
      changed[bit >> 3]! ^= 1 << (bit & 7)
      if (opener.open(changed) !== undefined) wrong.push(bit)
    }
    t.same(wrong, [], named(mode))
    t.ok(isPadded(opener.open(sealed), packet), named(mode))
  }
})

t.test('behind a packet whose checksum is wrong, the next one opens', async t => {
  const packet = Buffer.alloc(40, 0x0e)
  for (const mode of modes.filter(({ hmacLength }) => hmacLength === 0)) {
    const [sealer, opener] = [new PacketSealer(mode), new PacketOpener(mode)]
    const sealed = sealer.seal(packet)
    for (let bit = 0; bit < 128; bit++) {
      const changed = Buffer.from(sealed)
      changed[16 + (bit >> 3)]! ^= 1 << (bit & 7)
      opener.open(changed)
      if (!isPadded(opener.open(sealed), packet)) return t.fail(`${named(mode)}, behind bit ${bit}`)
    }
    t.pass(named(mode))
  }
})

t.test('lengths that are none, and numbers that are none', async t => {
  const checked = new PacketOpener(defaultProtection)
  for (const length of [0, 1, 15, 17, 31, 33]) t.equal(checked.open(Buffer.alloc(length)), undefined, `${length} bytes`)
  const [plain, numbered] = [false, true].map(isSequenced => ({ key, hmacKey, hmacLength: 16, isSequenced }))
  const opener = new PacketOpener(numbered!)
  for (const length of [0, 15, 16, 17, 31, 33]) t.equal(opener.open(Buffer.alloc(length)), undefined, `${length} bytes`)
  t.equal(new PacketOpener(plain!).open(signed(Buffer.alloc(0), 16)), undefined, 'an HMAC of nothing')
  const open = (plain: Buffer) => opener.open(signed(encrypted(plain), 16))
  t.equal(open(Buffer.alloc(16, 0xff)), undefined, 'a number that does not end')
  t.equal(open(Buffer.alloc(16, 0x80)), undefined)
  t.equal(open(hex`8080808080808080808000 0e ffffffff`), undefined, 'a number of eleven bytes')
  t.equal(open(hex`90808080808080 00 0e ffffffffffffff`), undefined, '2^53')
  t.same(open(hex`8f ffffffffffff 7f 0e ffffffffffffff`), hex`0e ffffffffffffff`)
  t.equal(opener.sequence, Number.MAX_SAFE_INTEGER)
  t.equal(open(hex`ff ffffffffffffffff7f 0e ffffffffff`), undefined, '2^70 - 1')
  t.same(open(hex`80808080808080808005 0e ffffffffff`), hex`0e ffffffffff`)
  t.equal(opener.sequence, 5, 'zeros may lead')
  const sumOnly = new PacketOpener({ key, hmacKey, hmacLength: 0, isSequenced: true })
  t.equal(sumOnly.open(encrypted(hex`808080808080808080 00 ${Buffer.alloc(6, 0xff)}`)), undefined, 'no such checksum')
  t.equal(sumOnly.open(encrypted(Buffer.alloc(16, 0x80))), undefined, 'a number that leaves no room for one')
  for (const hmacLength of [1, 3, 33, 4.5, -1, Number.NaN]) {
    t.throws(() => new PacketOpener({ ...defaultProtection, hmacLength }), RangeError)
    t.throws(() => new PacketSealer({ ...defaultProtection, hmacLength }), RangeError)
  }
  t.throws(() => new PacketSealer(defaultProtection).seal(Buffer.alloc(0)), RangeError)
})

t.test('whatever comes, it is a packet or none', async t => {
  for (const mode of modes) {
    const opener = new PacketOpener(mode)
    holds(
      t,
      named(mode),
      fc.property(buffers(100), bytes => {
        const packet = opener.open(bytes)
        return packet === undefined || packet.length > 0
      })
    )
  }
})

t.test('every packet of every capture opens, and sealed again it has the same bytes', async t => {
  for (const name of rtmfpCaptures) {
    const found: [id: number, opener: PacketOpener, sealer: PacketSealer][] = keysOf(name).flatMap(
      ({ initiator, responder }) =>
        [
          [initiator, responder],
          [responder, initiator]
        ].map(
          ([to, by]) => [to!.sessionId, new PacketOpener(by!.protection), new PacketSealer(by!.protection)] as never
        )
    )
    // packets of startup, and the answer to an IIKeying, which goes to the session it opens
    const startup = [new PacketOpener(defaultProtection), new PacketSealer(defaultProtection)] as const
    const wrong: string[] = []
    for (const { ms, bytes } of datagramsOf(name)) {
      const id = (bytes.readUInt32BE(0) ^ bytes.readUInt32BE(4) ^ bytes.readUInt32BE(8)) >>> 0
      const sealed = bytes.subarray(4)
      let isSame = false
      for (const [of, opener, sealer] of [...found, [id, ...startup] as const]) {
        const packet = id === of ? opener.open(sealed) : undefined
        if (packet === undefined) continue
        sealer.sequence = opener.sequence
        isSame = sealer.seal(packet).equals(sealed)
        if (isSame) break
      }
      if (!isSame) wrong.push(`at ${ms} ms`)
    }
    t.same(wrong, [], name)
  }
})

t.test('a number is taken once, however far behind the window it came, and whatever is ahead of it', async t => {
  const window = new ReplayWindow()
  const top = 10 * REPLAY_WINDOW + 5
  const oldest = top - REPLAY_WINDOW + 1
  t.ok(window.accepts(top))
  t.notOk(window.accepts(top))
  t.ok(window.accepts(oldest), 'the oldest of the window')
  t.notOk(window.accepts(oldest))
  t.notOk(window.accepts(oldest - 1), 'older than the window')
  t.notOk(window.accepts(0))
  t.ok(window.accepts(top + 1))
  t.notOk(window.accepts(oldest), 'the window has moved on')
  t.ok(window.accepts(oldest + 1))
  const last = Number.MAX_SAFE_INTEGER
  t.ok(window.accepts(last))
  t.notOk(window.accepts(last))
  t.ok(window.accepts(last - REPLAY_WINDOW + 1))
  t.notOk(window.accepts(last - REPLAY_WINDOW))
  t.ok(new ReplayWindow().accepts(0))
})

t.test('a leap leaves nothing of the window that was', async t => {
  for (const leap of [REPLAY_WINDOW - 1, REPLAY_WINDOW, REPLAY_WINDOW + 32, REPLAY_WINDOW + 64, 2 ** 40 + 31]) {
    const window = new ReplayWindow()
    const top = 2 * REPLAY_WINDOW
    for (let number = 0; number <= top; number++) window.accepts(number)
    const numbers = Array.from({ length: REPLAY_WINDOW }, (_, behind) => top + leap - behind)
    const taken = numbers.filter(number => window.accepts(number))
    t.same(taken, numbers.slice(0, leap), `by ${leap}`)
  }
})

t.test('a window is what a set of all numbers says', async t => {
  const steps = fc.oneof(
    fc.nat(3),
    fc.constantFrom(31, 32, 33, REPLAY_WINDOW - 1, REPLAY_WINDOW, REPLAY_WINDOW + 1, REPLAY_WINDOW + 32, 5000, 2 ** 40)
  )
  holds(
    t,
    'forward and back',
    fc.property(fc.array(fc.tuple(steps, fc.boolean()), { maxLength: 200 }), moves => {
      const [window, seen] = [new ReplayWindow(), new Set<number>()]
      let [at, highest] = [0, -1]
      for (const [step, isForward] of moves) {
        at = Math.max(0, isForward ? highest + step : highest - step)
        const isNew = at > highest - REPLAY_WINDOW && !seen.has(at)
        if (window.accepts(at) !== isNew) return false
        if (isNew) seen.add(at)
        highest = Math.max(highest, at)
      }
      return true
    })
  )
})
