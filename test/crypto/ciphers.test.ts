import fc from 'fast-check'
import t from 'tap'
import { Blowfish } from '../../lib/crypto/blowfish.ts'
import { Rc4 } from '../../lib/crypto/rc4.ts'
import { xtea } from '../../lib/crypto/xtea.ts'
import { cutAt } from '../support/chop.ts'
import { hex } from '../support/hex.ts'
import { buffers, holds } from '../support/property.ts'

/** The ciphers that Node has not, against the vectors that were published with them. */

const zeros = (length: number) => Buffer.alloc(length)

t.test('RC4: the keystream of RFC 6229', async t => {
  const short = new Rc4(hex`0102030405`).turn(zeros(4112))
  t.same(short.subarray(0, 32), hex`b2396305f03dc027ccc3524a0a1118a8 6982944f18fc82d589c403a47a0d0919`)
  t.same(short.subarray(240, 272), hex`28cb1132c96ce286421dcaadb8b69eae 1cfcf62b03eddb641d77dfcf7f8d8c93`)
  t.same(short.subarray(4096), hex`ff25b58995996707e51fbdf08b34d875`)
  const long = new Rc4(hex`0102030405060708 090a0b0c0d0e0f10`).turn(zeros(1552))
  t.same(long.subarray(0, 16), hex`9ac7cc9a609d1ef7b2932899cde41b97`)
  t.same(long.subarray(1536), hex`ffa0b514647ec04f6306b892ae661181`)
})

t.test('RC4 goes on from call to call, deciphers as it enciphers, and leaves what it is given', async t => {
  holds(
    t,
    'any cuts',
    fc.property(buffers(300), fc.array(fc.nat(300)), fc.nat(2000), (clear, places, skipped) => {
      const key = hex`00ff10`
      const given = Buffer.from(clear)
      const whole = new Rc4(key, skipped).turn(clear)
      const enciphering = new Rc4(key, skipped)
      const pieces = Buffer.concat([...cutAt(clear, places)].map(piece => enciphering.turn(piece)))
      const behind = new Rc4(key).turn(Buffer.concat([zeros(skipped), clear])).subarray(skipped)
      const deciphered = new Rc4(key, skipped).turn(whole)
      return [whole.equals(pieces), whole.equals(behind), deciphered.equals(clear), clear.equals(given)].every(Boolean)
    })
  )
})

t.test('XTEA', async t => {
  const counted = [0x00010203, 0x04050607, 0x08090a0b, 0x0c0d0e0f]
  const nothing = [0, 0, 0, 0]
  t.same(xtea(counted, [0x41424344, 0x45464748]), [0x497df3d0, 0x72612cb5])
  t.same(xtea(counted, [0x41414141, 0x41414141]), [0xe78f2d13, 0x744341d8])
  t.same(xtea(nothing, [0x41424344, 0x45464748]), [0xa0390589, 0xf8b8efa5])
  t.same(xtea(nothing, [0x41414141, 0x41414141]), [0xed23375a, 0x821a8c2d])
})

t.test('Blowfish, which begins with the digits of pi', async t => {
  const vectors: [key: Buffer, clear: [number, number], enciphered: [number, number]][] = [
    [zeros(8), [0, 0], [0x4ef99745, 0x6198dd78]],
    [Buffer.alloc(8, 0xff), [0xffffffff, 0xffffffff], [0x51866fd5, 0xb85ecb8a]],
    [hex`0123456789abcdef`, [0x11111111, 0x11111111], [0x61f9c380, 0x2281b096]],
    [hex`f0e1d2c3b4a59687 78695a4b3c2d1e0f 0011223344556677`, [0xfedcba98, 0x76543210], [0x05044b62, 0xfa52d080]]
  ]
  for (const [key, clear, enciphered] of vectors) t.same(new Blowfish(key).encipher(clear), enciphered)
})
