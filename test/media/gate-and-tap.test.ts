import { PassThrough, Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import { commandMessage, type Gap, KeyframeGate, keyframeGate, type Message, onStatus, tap } from 'rtmpipe'
import t from 'tap'
import { audio, metadata, video, word } from '../support/media.ts'

const read = (gate: KeyframeGate): string[] => {
  const words: string[] = []
  for (let message = gate.read(); message !== null; message = gate.read()) words.push(word(message))
  return words
}
/** Writes, and reads all the gate gives at once. */
async function through(gate: KeyframeGate, ...messages: Message[]): Promise<string[]> {
  for (const message of messages) gate.write(message)
  await turnOfTheLoop()
  return read(gate)
}

t.test('audio passes at once, video from a keyframe on, with the state ahead', async t => {
  const gate = keyframeGate()
  gate.on('gap', () => t.fail('nothing was lost: nothing had begun'))
  t.same(await through(gate, metadata(5), video.header(), audio.header(), video.frame(10)), [])
  t.same(await through(gate, audio.frame(12), video.frame(20), audio.frame(35)), [
    'meta@0',
    'v header@12',
    'a header@12',
    'a@12',
    'a@35'
  ])
  t.same(await through(gate, video.keyframe(40), audio.frame(41)), ['v key@40', 'a@41'])
  t.same(await through(gate, video.header(50, 2), video.frame(80)), ['v header@50', 'v@80'], 'open, it passes all')
})

t.test('without video every message is a place to begin', async t => {
  t.same(await through(keyframeGate(), audio.header(), audio.frame(5)), ['a header@5', 'a@5'])
})

t.test('it never makes its writer wait', async t => {
  const gate = keyframeGate({ maxBytes: 1000 })
  for (let i = 0; i < 5000; i++) {
    if (!gate.write(i % 50 === 0 ? video.keyframe(i) : video.frame(i))) return t.fail(`at ${i}`)
    if (i % 100 === 0) await turnOfTheLoop()
  }
  t.pass()
})

t.test(
  'full, it drops what comes; then audio goes on at once and video at its keyframe, and both gaps are told',
  async t => {
    const gate = keyframeGate({ maxBytes: 350 })
    const gaps: Gap[] = []
    gate.on('gap', gap => gaps.push(gap))
    const messages = [
      video.header(),
      video.keyframe(0),
      video.frame(40),
      video.frame(80),
      audio.frame(90),
      video.frame(120),
      audio.frame(125, 50),
      audio.frame(130)
    ]
    t.same(await through(gate, ...messages), ['v header@0', 'v key@0', 'v@40', 'v@80', 'a@90', 'a@130'])
    t.same(gaps, [{ messages: 2, ms: 40 }])
    t.same(await through(gate, audio.frame(140), video.frame(160)), ['a@140'])
    t.same(
      await through(gate, video.keyframe(200), video.frame(240)),
      ['v key@200', 'v@240'],
      'state that did not change is not told again'
    )
    t.same(gaps.slice(1), [{ messages: 1, ms: 120 }], 'of video')
  }
)

t.test('time is counted from the first message that is held, whatever its metadata says', async t => {
  const late = [metadata(), video.header(), video.keyframe(90_000), video.frame(90_040)]
  t.same(await through(keyframeGate(), ...late), ['meta@0', 'v header@90000', 'v key@90000', 'v@90040'])
})

t.test('it holds up to the last byte and millisecond', async t => {
  const both = [video.keyframe(0), video.frame(100)]
  t.same(await through(keyframeGate({ maxBytes: 200, maxMs: 100 }), ...both), ['v key@0', 'v@100'])
  t.same(await through(keyframeGate({ maxBytes: 199, maxMs: 100 }), ...both), ['v key@0'])
  t.same(await through(keyframeGate({ maxBytes: 200, maxMs: 99 }), ...both), ['v key@0'])
})

t.test('state that changed meanwhile is told when it opens again', async t => {
  const gate = keyframeGate({ maxBytes: 200 })
  await through(gate, metadata(), video.header(), video.keyframe(0, 150), video.frame(40, 150))
  t.same(await through(gate, video.header(50, 2), video.frame(60)), [])
  t.same(await through(gate, video.keyframe(80)), ['v header@80', 'v key@80'])
})

t.test('a keyframe that does not fit opens nothing', async t => {
  const gate = keyframeGate({ maxBytes: 300 })
  for (const message of [video.keyframe(0, 200), video.frame(40, 200), video.keyframe(80, 200)]) gate.write(message)
  await turnOfTheLoop()
  t.same(read(gate), ['v key@0'])
})

t.test('a single message larger than all it may hold still passes an empty gate', async t => {
  t.same(await through(keyframeGate({ maxBytes: 10 }), video.keyframe(0, 5000)), ['v key@0'])
})

t.test('it holds no more time than it may either', async t => {
  const gate = keyframeGate({ maxMs: 100 })
  const all = Array.from({ length: 20 }, (_, i) => (i === 0 || i === 15 ? video.keyframe(i * 40) : video.frame(i * 40)))
  t.same(await through(gate, ...all), ['v key@0', 'v@40', 'v@80'])
  t.same(await through(gate, video.frame(900), video.keyframe(940)), ['v key@940'])
})

t.test('messages that are no media pass at all times', async t => {
  const status = commandMessage(onStatus(1, 'NetStream.Play.UnpublishNotify', 'gone'))
  t.same(await through(keyframeGate(), status), ['type 20'])
})

t.test('it ends behind what it holds', async t => {
  const gate = keyframeGate()
  gate.write(video.keyframe(0))
  gate.end(video.frame(40))
  t.same((await gate.toArray()).map(word), ['v key@0', 'v@40'])
})

t.test('a reader at its own pace gets all, in order', async t => {
  const gate = new KeyframeGate({ maxMs: 1e9, maxBytes: 1e9 })
  const count = 500
  const slow: string[] = []
  const reading = pipeline(
    gate,
    new Writable({
      objectMode: true,
      highWaterMark: 1,
      write(message, _, done) {
        slow.push(word(message))
        setImmediate(done)
      }
    })
  )
  for (let i = 0; i < count; i++) gate.write(i === 0 ? video.keyframe(0) : video.frame(i))
  gate.end()
  await reading
  t.equal(slow.length, count)
  t.same(slow.at(-1), `v@${count - 1}`)
})

t.test('bounds that cannot be', async t => {
  const flooded = keyframeGate()
  flooded.write(audio.frame(0))
  for (let i = 0; i < 20_000; i++) flooded.write({ ...audio.frame(0), payload: Buffer.alloc(0) })
  flooded.end()
  t.equal((await flooded.toArray()).length <= 8192 + 16, true, 'empty messages have their bound too')
  t.throws(() => keyframeGate({ maxBytes: 0 }), RangeError)
  t.throws(() => keyframeGate({ maxMs: Number.NaN }), RangeError)
})

/** Takes items when it is told to. */
class Held extends Writable {
  readonly taken: unknown[] = []
  #go: (() => void) | undefined
  constructor(highWaterMark = 2) {
    super({ objectMode: true, highWaterMark })
  }
  override _write(item: unknown, _: string, done: () => void) {
    this.#go = () => {
      this.taken.push(item)
      done()
    }
  }
  async take(count = 1) {
    for (let i = 0; i < count; i++) {
      const go = this.#go
      this.#go = undefined
      go?.()
      await turnOfTheLoop()
    }
  }
}

t.test('tap copies to each branch and passes on', async t => {
  const [one, other] = [new PassThrough({ objectMode: true }), new PassThrough({ objectMode: true })]
  const items = [1, 2, 3]
  const line = await Readable.from(items).pipe(tap<number>(one, other)).toArray()
  t.same([line, await one.toArray(), await other.toArray()], [items, items, items])
})

t.test('tap carries bytes as well', async t => {
  const copy = new PassThrough()
  const line = Readable.from([Buffer.from('ab'), Buffer.from('c')]).pipe(tap<Buffer>(copy))
  t.equal(Buffer.concat(await line.toArray()).toString(), 'abc')
  t.equal(Buffer.concat(await copy.toArray()).toString(), 'abc')
})

t.test('messages that were copied reach a branch to the last, though the line has ended', async t => {
  const copy = new PassThrough({ objectMode: true })
  const messages = [video.header(), video.keyframe(0), video.frame(40), audio.frame(50)]
  t.same(await Readable.from(messages).pipe(tap(copy)).toArray(), messages)
  t.same((await copy.toArray()).map(word), messages.map(word))
})

t.test('tap waits for no branch, and tells what it missed', async t => {
  const slow = new Held()
  const taps = tap<number>(slow)
  const gaps: unknown[] = []
  taps.on('gap', (branch, gap) => gaps.push([branch === slow, gap]))
  const line = Readable.from([1, 2, 3, 4, 5, 6]).pipe(taps).toArray()
  t.same(await line, [1, 2, 3, 4, 5, 6])
  await slow.take(2)
  t.same(slow.taken, [1, 2])
  const again = tap<number>(new Held())
  again.resume()
  again.on('gap', (_, gap) => gaps.push(gap))
  const held = new Held()
  const other = tap<number>(held)
  other.resume()
  other.on('gap', (branch, gap) => gaps.push([branch === held, gap]))
  for (const item of [1, 2, 3, 4]) other.write(item)
  await turnOfTheLoop()
  await held.take(2)
  other.write(5)
  await turnOfTheLoop()
  await held.take()
  t.same(held.taken, [1, 2, 5])
  t.same(gaps, [[true, { items: 2 }]])
})

t.test('tap with wait loses nothing, and lets the line wait', async t => {
  const slow = new Held()
  const taps = tap<number>(slow, { wait: true })
  const line: number[] = []
  taps.on('data', item => line.push(item))
  for (const item of [1, 2, 3, 4]) taps.write(item)
  await turnOfTheLoop()
  t.same(line, [1, 2], 'no further than the branch can hold')
  let ended = false
  taps.on('end', () => {
    ended = true
  })
  taps.end()
  await slow.take(3)
  t.equal(ended, false, 'and ends with it')
  await slow.take(1)
  await turnOfTheLoop()
  t.same([slow.taken, line, ended], [[1, 2, 3, 4], [1, 2, 3, 4], true])
})

t.test('messages reach a slow branch in whole runs', async t => {
  const slow = new Held(1)
  const taps = tap(slow)
  taps.resume()
  const frames = Array.from({ length: 400 }, (_, i) => (i % 20 === 0 ? video.keyframe(i * 40) : video.frame(i * 40)))
  const gaps: unknown[] = []
  taps.on('gap', (branch, gap) => gaps.push([branch === slow, gap]))
  for (const [i, frame] of frames.entries()) {
    taps.write(frame)
    await turnOfTheLoop()
    if (i > 250) await slow.take(5)
  }
  taps.end()
  while (!slow.writableFinished) await slow.take()
  const words = (slow.taken as Message[]).map(word)
  for (const [i, each] of words.entries()) {
    const at = Number(each.split('@')[1])
    const before = i === 0 ? -40 : Number(words[i - 1]!.split('@')[1])
    if (at - before !== 40) t.match(each, /key/, `${words[i - 1]} is followed by ${each}`)
  }
  t.equal(gaps.length > 0, true)
})

t.test('a branch that fails is left, and the line goes on', async t => {
  for (const wait of [false, true]) {
    const failing = new Writable({ objectMode: true, write: (_, __, done) => done(new Error('disk full')) })
    const taps = tap<number>(failing, { wait })
    const left: unknown[] = []
    taps.on('left', (branch, error) => left.push([branch === failing, error.message]))
    t.same(await Readable.from([1, 2, 3]).pipe(taps).toArray(), [1, 2, 3])
    t.same(left, [[true, 'disk full']])
  }
})

t.test('a branch that closes while the line waits for it does not hold it up', async t => {
  const slow = new Held()
  const taps = tap<number>(slow, { wait: true })
  const line = Readable.from([1, 2, 3, 4, 5]).pipe(taps).toArray()
  await turnOfTheLoop()
  slow.destroy()
  t.same(await line, [1, 2, 3, 4, 5])
})

t.test('a line that fails ends its branches whole', async t => {
  const copy = new PassThrough({ objectMode: true })
  const taps = tap<number>(copy)
  taps.on('error', () => {})
  taps.write(1)
  taps.destroy(new Error('the publisher has gone'))
  t.same(await copy.toArray(), [1])
})
