import { Readable } from 'node:stream'
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import { type Message, type PaceOptions, pace, startAt } from 'rtmpipe'
import t from 'tap'
import { TestClock } from '../support/clock.ts'
import { audio, metadata, video, word } from '../support/media.ts'

/** Messages through a pace on a clock of its own: what has come at each moment. */
async function paced(messages: Message[], moments: number[], options: PaceOptions = {}): Promise<string[]> {
  const clock = new TestClock()
  const stage = Readable.from(messages).pipe(pace({ clock, ...options }))
  const got: string[] = []
  stage.on('data', message => got.push(word(message)))
  const counts: string[] = []
  for (const moment of moments) {
    for (let i = 0; i < messages.length + 2; i++) {
      await turnOfTheLoop()
      clock.pass(0)
    }
    for (; clock.now() < moment; clock.pass(1)) for (let i = 0; i < 4; i++) await turnOfTheLoop()
    for (let i = 0; i < 8; i++) await turnOfTheLoop()
    counts.push(`${moment}: ${got.splice(0).join(' ')}`)
  }
  return counts
}

t.test('messages go out at their time, the first at once', async t => {
  t.same(await paced([video.keyframe(1000), audio.frame(1010), video.frame(1040)], [0, 9, 10, 39, 40]), [
    '0: v key@1000',
    '9: ',
    '10: a@1010',
    '39: ',
    '40: v@1040'
  ])
})

t.test('or so much ahead of it', async t => {
  t.same(await paced([video.keyframe(0), video.frame(40), video.frame(80)], [0, 20], { aheadMs: 60 }), [
    '0: v key@0 v@40',
    '20: v@80'
  ])
  t.throws(() => pace({ aheadMs: -1 }), RangeError)
})

t.test('a step back of a few frames is no jump; a long one is', async t => {
  t.same(await paced([video.keyframe(100), audio.frame(90), video.frame(140)], [0, 40]), [
    '0: v key@100 a@90',
    '40: v@140'
  ])
  t.same(await paced([video.keyframe(100_000), video.keyframe(0), video.frame(40)], [0, 40]), [
    '0: v key@100000 v key@0',
    '40: v@40'
  ])
  t.same(await paced([video.keyframe(0), video.keyframe(20_000), video.frame(20_040)], [0, 40]), [
    '0: v key@0 v key@20000',
    '40: v@20040'
  ])
})

t.test('destroyed, it leaves no timer', async t => {
  const clock = new TestClock()
  const stage = pace({ clock })
  stage.resume()
  stage.write(video.keyframe(0))
  stage.write(video.frame(40))
  await turnOfTheLoop()
  t.equal(clock.timers, 1)
  stage.destroy()
  t.equal(clock.timers, 0)
})

const film = [
  ...[metadata(), video.header(), audio.header()],
  ...[video.keyframe(0), audio.frame(20), video.frame(40)],
  ...[video.keyframe(80), audio.frame(100), video.frame(120)],
  ...[video.keyframe(160), video.frame(200)]
]
const from = async (ms: number, messages = film, options = {}) =>
  (await Readable.from(messages).pipe(startAt(ms, options)).toArray()).map(word)

t.test('a film begins at the last keyframe that is not later, its state ahead', async t => {
  const state = (at: number) => ['meta@0', `v header@${at}`, `a header@${at}`]
  t.same(await from(0), film.map(word))
  t.same(await from(-2000), film.map(word))
  t.same(await from(110), [...state(80), 'v key@80', 'a@100', 'v@120', 'v key@160', 'v@200'])
  t.same(await from(80), [...state(80), 'v key@80', 'a@100', 'v@120', 'v key@160', 'v@200'])
  t.same(await from(79), [...state(0), 'v key@0', 'a@20', 'v@40', 'v key@80', 'a@100', 'v@120', 'v key@160', 'v@200'])
  t.same(await from(9000), [...state(160), 'v key@160', 'v@200'], 'past its end, its last group')
})

t.test('a group too long to be held is left out, and the film begins behind it', async t => {
  const long = [
    video.keyframe(0),
    video.frame(40),
    video.frame(80),
    video.frame(120),
    video.keyframe(160),
    video.frame(200)
  ]
  t.same(await from(120, long, { maxBytes: 250 }), ['v key@160', 'v@200'])
  t.same(await from(120, long), ['v key@0', 'v@40', 'v@80', 'v@120', 'v key@160', 'v@200'])
})

t.test('where no keyframe is held audio begins at the time, and video at its keyframe', async t => {
  const promised = [video.header(), audio.frame(0), video.frame(10), audio.frame(23), audio.frame(46), video.frame(50)]
  t.same(await from(20, [...promised, video.keyframe(80), video.frame(120)]), [
    'v header@0',
    'a@0',
    'a@23',
    'a@46',
    'v key@80',
    'v@120'
  ])
  const long = [
    video.keyframe(0),
    video.frame(40),
    video.frame(80),
    video.frame(120),
    audio.frame(125),
    audio.frame(150)
  ]
  t.same(await from(130, [...long, video.frame(160), video.keyframe(200)], { maxBytes: 250 }), ['a@150', 'v key@200'])
})

t.test('sound without pictures begins where it is told', async t => {
  t.same(await from(30, [audio.header(), audio.frame(0), audio.frame(23), audio.frame(46)]), [
    'a header@23',
    'a@23',
    'a@46'
  ])
  t.throws(() => startAt(Number.NaN), RangeError)
})
