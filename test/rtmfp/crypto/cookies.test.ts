import fc from 'fast-check'
import t from 'tap'
import { COOKIE_LIFE_MS, Cookies } from '../../../lib/rtmfp/crypto/cookies.ts'
import { buffers, holds } from '../../support/property.ts'

const here = '192.0.2.1:1935'

t.test('a cookie is good for its address, as long as an initiator tries', async t => {
  const cookies = new Cookies()
  for (const start of [0, 1, 999, 1000, 94_999, 95_000, 189_999, 190_000, 10 * COOKIE_LIFE_MS + 500, 2 ** 31]) {
    const cookie = cookies.make(here, start)
    const second = Math.floor(start / 1000) * 1000
    t.equal(cookie.length, 64, 'what programs of Flash’s time expect')
    for (const age of [0, 1, 1000, COOKIE_LIFE_MS - 1001, COOKIE_LIFE_MS]) {
      const now = Math.max(start, second + age)
      t.equal(cookies.check(cookie, here, now), 'good', `of ${start}, at ${now}`)
      t.equal(cookies.check(cookie, '192.0.2.1:1936', now), 'other address', `of ${start}, at ${now}`)
    }
    t.equal(cookies.check(cookie, here, second + COOKIE_LIFE_MS + 1), 'bad', 'too old')
  }
})

t.test('no other cookie is', async t => {
  const cookies = new Cookies()
  const now = 500_000
  const cookie = cookies.make(here, now)
  for (let bit = 0; bit < 512; bit++) {
    const forged = Buffer.from(cookie)
    forged[bit >> 3]! ^= 1 << (bit & 7)
    const found = cookies.check(forged, here, now)
    // behind the first two parts it is of this responder, for another address
    if (found !== (bit < 256 ? 'bad' : 'other address')) return t.fail(`bit ${bit}: ${found}`)
  }
  t.equal(cookies.check(cookie, here, now), 'good')
  t.equal(new Cookies().check(cookie, here, now), 'bad', 'of another responder')
  t.equal(cookies.check(cookie, here, now - 1000), 'bad', 'of a time that is to come')
  t.equal(cookies.check(Buffer.concat([cookie, Buffer.of(0)]), here, now), 'bad')
  t.equal(cookies.check(cookie.subarray(0, 63), here, now), 'bad')
  t.equal(cookies.check(Buffer.alloc(0), here, now), 'bad')
  holds(
    t,
    'garbage',
    fc.property(buffers(70), bytes => cookies.check(bytes, here, now) === 'bad')
  )
  holds(
    t,
    'garbage of the right length',
    fc.property(
      fc.uint8Array({ minLength: 64, maxLength: 64 }),
      bytes => cookies.check(Buffer.from(bytes), here, now) === 'bad'
    )
  )
})

t.test('the secret changes, and one that is past does not come back', async t => {
  const cookies = new Cookies()
  const early = cookies.make(here, 1000)
  cookies.make(here, 3 * COOKIE_LIFE_MS)
  t.equal(cookies.check(early, here, 3 * COOKIE_LIFE_MS), 'bad')
  t.equal(cookies.check(early, here, 1000), 'bad', 'not even to a clock that goes back')
  const ends = [1000, 1000 + COOKIE_LIFE_MS].map(now => cookies.make(here, 4 * COOKIE_LIFE_MS + now))
  t.notSame(ends[0]!.subarray(4), ends[1]!.subarray(4))
})
