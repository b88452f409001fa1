import { type Readable, Writable } from 'node:stream'
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import fc from 'fast-check'
import {
  BatchChunks,
  type BatchEncoder,
  FlvReader,
  FlvWriter,
  type Gap,
  isAudio,
  isKeyframe,
  isMetadata,
  isSequenceHeader,
  isVideo,
  LiveStream,
  type LiveStreamOptions,
  type Message,
  MessageBatch,
  MessageRing,
  type Repair
} from 'rtmpipe'
import t from 'tap'
import { TestClock } from '../support/clock.ts'
import { audio, caption, metadata, track, video, word } from '../support/media.ts'
import { holds, holdsLater } from '../support/property.ts'

const clock = new TestClock()
const liveStream = (options: LiveStreamOptions = {}) => new LiveStream({ clock, ...options })
const gop = (at: number, frames = 5, size = 100): Message[] =>
  Array.from({ length: frames }, (_, i) => (i === 0 ? video.keyframe(at, size) : video.frame(at + 40 * i, size)))
const isState = (message: Message) => isMetadata(message) || isSequenceHeader(message)
const opening = [metadata(), video.header(), audio.header()]

/** What a reader gives at once, in words; a batch in brackets. */
async function read(reader: Readable): Promise<string[]> {
  const words: string[] = []
  await turnOfTheLoop()
  for (let item = reader.read(); item !== null; item = reader.read()) {
    words.push(item instanceof MessageBatch ? `[${item.messages.map(word).join(' ')}]` : word(item))
  }
  return words
}

/** Writes each in a turn of its own, as they come from a peer. */
async function write(input: ReturnType<LiveStream['input']>, ...messages: Message[]) {
  for (const message of messages) {
    input.write(message)
    await new Promise<void>(resolve => process.nextTick(resolve))
  }
}

async function publish(live: LiveStream, ...messages: Message[]) {
  const input = live.input()
  await write(input, ...messages)
  return input
}

t.test('a player that is there from the start gets all of it, with the state ahead', async t => {
  const live = liveStream()
  const player = live.player()
  await publish(live, ...opening, video.keyframe(0), audio.frame(10), video.frame(40))
  t.same(await read(player), ['[meta@0 v header@0 a header@0]', '[v key@0]', '[a@10 v@40]'])
})

t.test('one that comes late begins at the newest keyframe, with headers at its time and metadata at 0', async t => {
  const live = liveStream()
  await publish(live, ...opening, ...gop(0), ...gop(200), video.frame(400))
  t.same(await read(live.player()), [
    '[meta@0 v header@200 a header@200]',
    ...['[v key@200]', '[v@240]', '[v@280]', '[v@320]', '[v@360]', '[v@400]']
  ])
})

t.test('one that comes before anything hears audio at once, and sees from the first keyframe on', async t => {
  const live = liveStream()
  const player = live.subscribe()
  player.on('gap', () => t.fail('it had not begun'))
  t.same(await read(player), [])
  await publish(live, video.header(), video.frame(0), audio.frame(3), video.keyframe(40), video.frame(80))
  t.same(await read(player), ['v header@3', 'a@3', 'v key@40', 'v@80'])
})

t.test('without video every message is a random access point, of data too', async t => {
  const live = liveStream()
  await publish(live, audio.header(), audio.frame(0), audio.frame(23))
  t.same(await read(live.subscribe()), ['a header@23', 'a@23'])
  const captions = liveStream()
  const reader = captions.subscribe()
  const input = await publish(captions, metadata(), caption(0))
  clock.pass(1500)
  await write(input, caption(1500))
  t.same(await read(reader), ['meta@0', 'caption@0', 'caption@1500'])
  t.same(await read(captions.subscribe()), ['meta@0', 'caption@1500'])
})

t.test('video that was promised and never comes holds up no audio', async t => {
  const live = liveStream()
  const player = live.player()
  await publish(live, ...opening, audio.frame(0), audio.frame(23))
  const all = ['[meta@0 v header@0 a header@0]', '[a@0]', '[a@23]']
  t.same(await read(player), all)
  t.same(await read(live.player()), ['[meta@0 v header@23 a header@23]', '[a@23]'])
})

t.test('video that joins audio: audio goes on, and video begins at its keyframe', async t => {
  const live = liveStream()
  const first = live.subscribe()
  const input = await publish(live, audio.header(), audio.frame(0))
  await write(input, video.header(5), video.frame(10), audio.frame(20))
  t.same(await read(live.subscribe()), ['a header@20', 'v header@20', 'a@20'])
  await write(input, video.keyframe(40))
  t.same(await read(live.subscribe()), ['a header@40', 'v header@40', 'v key@40'])
  t.same(await read(first), ['a header@0', 'a@0', 'v header@5', 'a@20', 'v key@40'])
})

t.test('where the ring holds no keyframe one hears at once, and sees from the next keyframe on', async t => {
  const live = liveStream({ maxMs: 1000, mergeMs: 0 })
  const input = await publish(live, ...opening, video.keyframe(0))
  for (let at = 20; at < 2000; at += 20) await write(input, audio.frame(at))
  const late = live.player()
  late.on('gap', () => t.fail('its video had not begun'))
  await write(input, audio.frame(2000), video.frame(2010), audio.frame(2020), video.frame(2050))
  t.same(await read(late), ['[meta@0 v header@2000 a header@2000]', '[a@2000]', '[a@2020]'])
  await write(input, video.keyframe(2100), audio.frame(2110), video.frame(2140))
  t.same(await read(late), ['[v key@2100]', '[a@2110]', '[v@2140]'])
})

t.test('and readers whose video waits share one batch of what is left', async t => {
  const live = liveStream({ maxMs: 1000, mergeMs: 1000 })
  const input = await publish(live, video.keyframe(0))
  clock.pass(1000)
  await write(input, video.frame(2000))
  clock.pass(1000)
  const [one, other] = [live.player(), live.player()]
  await write(input, audio.frame(2010), video.frame(2040), audio.frame(2050))
  clock.pass(1000)
  const batch = one.read() as MessageBatch
  t.same(batch.messages.map(word), ['a@2010', 'a@2050'])
  t.equal(other.read(), batch)
})

t.test('an empty sequence header is none: the last one goes ahead of a late reader', async t => {
  const live = liveStream()
  const input = await publish(live, video.header(0, 7), video.keyframe(0))
  await write(input, { ...video.header(20), payload: Buffer.of(0x17, 0, 0, 0, 0) })
  const header = live.subscribe().read() as Message
  t.equal(header.payload[5], 7)
})

t.test('one begins at the newest keyframe, at the next, or now', async t => {
  const live = liveStream()
  const input = await publish(live, ...opening, video.keyframe(0), video.frame(40))
  const [at, next, now] = (['keyframe', 'next', 'now'] as const).map(from => live.subscribe({ from }))
  await write(input, audio.frame(50), video.frame(80), video.keyframe(120), video.frame(160))
  const whole = ['v key@120', 'v@160']
  t.same((await read(at!)).slice(3), ['v key@0', 'v@40', 'a@50', 'v@80', ...whole])
  t.same(await read(next!), ['meta@0', 'v header@120', 'a header@120', ...whole])
  t.same(await read(now!), ['meta@0', 'v header@50', 'a header@50', 'a@50', ...whole])
  t.throws(() => live.subscribe({ from: 'then' as 'now' }), TypeError)
})

t.test('state that changes on the way is passed on, and told once', async t => {
  const live = liveStream()
  const level = live.subscribe()
  const input = await publish(live, video.header(), video.keyframe(0), video.frame(40))
  t.same(await read(level), ['v header@0', 'v key@0', 'v@40'])
  await write(input, video.header(80, 2), video.keyframe(80), video.keyframe(120))
  t.same(await read(level), ['v header@80', 'v key@80', 'v key@120'])
})

t.test('audio rides with the next video frame, 40 ms at most', async t => {
  const clock = new TestClock()
  const live = liveStream({ clock })
  const player = live.player()
  const input = await publish(live, video.keyframe(0))
  await write(input, audio.frame(3), audio.frame(26))
  t.same(await read(player), ['[v key@0]'])
  clock.pass(39)
  t.same(await read(player), [])
  clock.pass(1)
  t.same(await read(player), ['[a@3 a@26]'])
  await write(input, audio.frame(50))
  await write(input, video.frame(60))
  t.same(await read(player), ['[a@50 v@60]'])
  t.equal(clock.timers, 0, 'no timer is left')
})

t.test('and so it does where what came ahead of it in the turn has gone to one who joined', async t => {
  const clock = new TestClock()
  const live = liveStream({ clock })
  const input = live.input()
  input.write(video.keyframe(0))
  const player = live.player()
  input.write(audio.frame(3))
  t.same(await read(player), ['[v key@0]'])
  await write(input, video.frame(40))
  t.same(await read(player), ['[a@3 v@40]'])
  t.equal(clock.timers, 0)
})

t.test('a keyframe begins a batch of its own', async t => {
  const live = liveStream()
  const player = live.player()
  await publish(live, video.keyframe(0), audio.frame(30), video.keyframe(40))
  t.same(await read(player), ['[v key@0]', '[a@30]', '[v key@40]'])
})

t.test('what comes in one turn goes out together, a group of pictures by itself', async t => {
  for (const mergeMs of ['frame', 0] as const) {
    const live = liveStream({ mergeMs })
    const player = live.player()
    const input = live.input()
    t.equal(live.messagesPerBatch, 0)
    for (const message of [video.keyframe(0), video.frame(40), audio.frame(50), video.keyframe(80)])
      input.write(message)
    t.equal(live.byteLength, 220, 'the last group waits for the end of the turn')
    t.equal(live.messagesPerBatch, 3)
    t.same(await read(player), ['[v key@0 v@40 a@50]', '[v key@80]'])
    t.equal(live.messagesPerBatch, 2)
    for (const message of [video.frame(120), video.keyframe(160), video.frame(200)]) input.write(message)
    t.same(await read(live.player()), ['[v key@160 v@200]'], 'who comes in the same turn gets it as well')
    player.destroy()
    input.write(video.keyframe(240))
    await turnOfTheLoop()
    t.equal(live.messagesPerBatch, 1, 'what it has let go of does not count')
  }
})

t.test('frames that are an eighth of what was read pin no more than twice their bytes, and a mebibyte', async t => {
  const live = liveStream({ mergeMs: 0 })
  const pinned = new Map<ArrayBufferLike, number>()
  let length = 0
  const input = live.input()
  const kept = live.subscribe()
  const send = async (messages: readonly Message[]) => {
    await write(input, ...messages)
    for (let each = kept.read(); each !== null; each = kept.read()) {
      length += each.payload.length
      pinned.set(each.payload.buffer, each.payload.buffer.byteLength)
    }
  }
  const frameIn = (read: number, length: number) => {
    const payload = Buffer.alloc(read).subarray(0, length)
    return { ...video.frame(40), payload }
  }
  await send([video.keyframe(0)])
  for (let i = 0; i < 500; i++) await send([frameIn(65_536, 8192)])
  const held = [...pinned.values()].reduce((sum, each) => sum + each, 0)
  t.ok(held <= 2 * length + 1.2 * 1024 * 1024, `${held} bytes for ${length}`)
  for (let i = 0; i < 100; i++) await send([frameIn(10_000, 10_000)])
  const whole = frameIn(60_000, 50_000)
  await send([whole])
  t.ok(pinned.has(whole.payload.buffer), 'where that is behind them they are not copied')
  const blocks = Array.from({ length: 50 }, () => frameIn(65_536, 400))
  await send([...blocks, { ...whole, payload: Buffer.alloc(50_000) }])
  t.ok(
    blocks.every(({ payload }) => pinned.has(payload.buffer)),
    'what lies in a pool of many is left there'
  )
})

t.test('a batch of no messages is refused at once', async t => {
  t.throws(() => new MessageBatch([]), RangeError)
})

t.test('but no more than a mebibyte of it', async t => {
  const live = liveStream({ mergeMs: 1000 })
  const player = live.player()
  const input = live.input()
  for (const message of gop(0, 8, 300_000)) input.write(message)
  t.same(await read(player), ['[v key@0 v@40 v@80 v@120]', '[v@160 v@200 v@240 v@280]'])
  for (let i = 0; i < 5000; i++) input.write(audio.frame(300, 0))
  await turnOfTheLoop()
  const { length } = (player.read() as MessageBatch).messages
  t.ok(length > 3000 && length <= 4096, `${length} of 5000 that are empty, for each counts 256 bytes`)
})

t.test('mergeMs 0 waits for nothing; a number gathers for so long', async t => {
  const single = liveStream({ mergeMs: 0 })
  const one = single.player()
  await publish(single, video.keyframe(0), audio.frame(3), video.frame(40))
  t.same(await read(one), ['[v key@0]', '[a@3]', '[v@40]'])
  const wide = liveStream({ mergeMs: 100 })
  const other = wide.player()
  await publish(wide, video.keyframe(0), audio.frame(3), video.frame(40), video.frame(80))
  t.same(await read(other), [])
  clock.pass(100)
  t.same(await read(other), ['[v key@0 a@3 v@40 v@80]'])
  const sound = liveStream({ mergeMs: 100 })
  const listener = sound.player()
  await publish(sound, audio.frame(0), audio.frame(23), audio.frame(46))
  clock.pass(100)
  t.same(await read(listener), ['[a@0 a@23 a@46]'], 'audio alone as well')
})

t.test('times that cannot be', async t => {
  for (const options of [{ mergeMs: -1 }, { mergeMs: Number.NaN }, { holdMs: -1 }])
    t.throws(() => new LiveStream(options), RangeError)
  t.throws(() => liveStream().player({ maxLagMs: 0 }), RangeError)
})

t.test('a batch is made once, and its bytes too, for all that are level', async t => {
  const live = liveStream()
  const [one, other] = [live.player(), live.player()]
  await publish(live, video.keyframe(0))
  await turnOfTheLoop()
  const batch = one.read() as MessageBatch
  t.equal(other.read(), batch)
  t.equal(batch.encoded(new BatchChunks(4096, 1)), batch.encoded(new BatchChunks(4096, 1)))
})

/** An encoder as a carrier outside the library has it: FLV tags, which are the same for all. */
class FlvTags implements BatchEncoder {
  made = 0

  encode(messages: readonly Message[]): Buffer {
    this.made++
    const writer = new FlvWriter()
    writer.begin()
    return Buffer.concat(messages.flatMap(message => writer.write(message)))
  }

  equals(other: BatchEncoder): boolean {
    return other instanceof FlvTags
  }
}

t.test('a batch is encoded by whoever asks, once for all who want the same', async t => {
  const batch = new MessageBatch([video.keyframe(0), audio.frame(5)])
  const [one, other] = [new FlvTags(), new FlvTags()]
  const tags = batch.encoded(one)
  const chunks = batch.encoded(new BatchChunks(4096, 1))
  t.equal(batch.encoded(other), tags)
  t.equal(batch.encoded(new BatchChunks(4096, 1)), chunks)
  t.same([one.made, other.made], [1, 0])
  const { messages } = batch
  t.same([...new FlvReader().messages(Buffer.concat([...new FlvWriter().begin(), tags]))].map(word), messages.map(word))
  batch.forget()
  t.not(batch.encoded(one), tags)
  t.equal(one.made, 2)
})

t.test('a batch keeps a few encodings, those that were used last', async t => {
  const batch = new MessageBatch([video.keyframe(0, 10_000)])
  const on = (messageStreamId: number) => batch.encoded(new BatchChunks(65_536, messageStreamId))
  const common = on(1)
  let again = 0
  for (let id = 2; id < 3000; id++) {
    on(id)
    if (on(1) === common) again++
  }
  t.equal(again, 2998, 'what most want is made once')
  const last = [2997, 2998, 2999].map(on)
  t.same([2997, 2998, 2999].map(on), last)
  t.equal(on(1), common)
  on(5)
  t.not(on(2997), last[0], 'there are four of them')
  const large = new MessageBatch([video.keyframe(0, 3_000_000)])
  const first = large.encoded(new BatchChunks(65_536, 1))
  t.equal(large.encoded(new BatchChunks(65_536, 1)), first)
  large.encoded(new BatchChunks(65_536, 2))
  t.not(large.encoded(new BatchChunks(65_536, 1)), first, 'of 4 MiB in all')
})

/** A Writable whose fast path takes batches when it is willing; it records how each came. */
class Taker extends Writable {
  readonly heard: string[] = []
  isWilling = true

  constructor() {
    super({ objectMode: true })
  }

  takeNow(batch: MessageBatch): boolean {
    if (this.isWilling) this.heard.push(`taken ${batch.timestamp}`)
    return this.isWilling
  }

  override _write(batch: MessageBatch, _encoding: string, done: () => void): void {
    this.heard.push(`written ${batch.timestamp}`)
    done()
  }
}

t.test('a batch takes the fast path if nothing is buffered, and is written otherwise', async t => {
  const live = liveStream({ mergeMs: 0 })
  const taker = new Taker()
  const player = live.player()
  const input = await publish(live, video.keyframe(0))
  player.pipe(taker)
  const frame = async (at: number) => {
    await write(input, video.frame(at))
    await turnOfTheLoop()
  }
  await turnOfTheLoop()
  await frame(40)
  taker.isWilling = false
  await frame(80)
  taker.isWilling = true
  await frame(120)
  t.same(taker.heard.slice(-3), ['taken 40', 'written 80', 'taken 120'])
  const alongside: number[] = []
  const readAlong = ({ timestamp }: MessageBatch) => alongside.push(timestamp)
  player.on('data', readAlong)
  await frame(160)
  t.same(alongside, [160], 'who reads along misses nothing')
  player.off('data', readAlong)
  player.pause()
  await frame(200)
  t.equal(taker.heard.at(-1), 'written 160', 'nor is it given anything while it is paused')
  player.resume()
  await turnOfTheLoop()
  await frame(240)
  t.same(taker.heard.slice(-2), ['written 200', 'taken 240'])
  player.unpipe(taker as never)
  player.resume()
  await frame(280)
  t.equal(taker.heard.at(-1), 'taken 240')
  player.removeAllListeners()
  player.pipe(taker)
  await frame(320)
  t.equal(taker.heard.at(-1), 'taken 320')
  player.on('data', readAlong)
  await frame(360)
  t.equal(alongside.at(-1), 360, 'whoever removed what listened')
})

t.test('one that lags too far goes on at the newest keyframe, and is told what it missed', async t => {
  const live = liveStream()
  const slow = live.subscribe({ maxLagMs: 500 })
  const gaps: Gap[] = []
  slow.on('gap', gap => gaps.push(gap))
  const input = await publish(live, video.header(), ...gop(0))
  t.same(await read(slow), ['v header@0', 'v key@0', 'v@40', 'v@80', 'v@120', 'v@160'])
  for (let at = 200; at < 2000; at += 200) await write(input, ...gop(at))
  const words = await read(slow)
  t.same(words.slice(0, 4), ['v key@200', 'v@240', 'v@280', 'v@320'], 'what its buffer held')
  t.same(words.slice(4), ['v key@1800', 'v@1840', 'v@1880', 'v@1920', 'v@1960'])
  t.same(gaps, [{ messages: 36, ms: 1480 }])
  t.same(live.stats().drops, { input: 0, lag: 36, overflow: 0, keyframe: 0 })
})

t.test('one that lags less misses nothing', async t => {
  const live = liveStream()
  const slow = live.subscribe({ maxLagMs: 5000 })
  slow.on('gap', () => t.fail('no gap'))
  const input = await publish(live, ...gop(0))
  t.equal((await read(slow)).length, 5)
  for (let at = 200; at < 4000; at += 200) await write(input, ...gop(at))
  t.equal((await read(slow)).length, 95)
})

t.test('what nobody wants any more is dropped; what a leash still wants is kept', async t => {
  const live = liveStream()
  const level = live.subscribe()
  const input = await publish(live, ...gop(0, 25, 1000))
  await read(level)
  await write(input, ...gop(1000, 25, 1000))
  await read(level)
  t.equal(live.byteLength, 25_000, 'one group')
  const slow = live.subscribe({ maxLagMs: 10_000 })
  slow.read()
  for (let at = 2000; at < 8000; at += 1000) {
    await write(input, ...gop(at, 25, 1000))
    await read(level)
  }
  t.ok(live.byteLength > 150_000, `${live.byteLength} while one lags`)
  slow.destroy()
  await write(input, ...gop(8000, 25, 1000))
  t.ok(live.byteLength <= 50_000, `${live.byteLength} when it has gone`)
})

t.test('it is bounded in bytes: past them newcomers wait for the next keyframe', async t => {
  const live = liveStream({ maxBytes: 10_000 })
  const input = await publish(live, ...gop(0, 25, 1000))
  t.ok(live.byteLength <= 10_000)
  const late = live.subscribe()
  t.same(await read(late), [])
  await write(input, ...gop(1000, 2, 1000))
  t.same(await read(late), ['v key@1000', 'v@1040'])
})

t.test('and in time', async t => {
  const live = liveStream({ maxMs: 1000 })
  await publish(live, ...gop(0, 100))
  t.ok(live.byteLength <= 26 * 100, `${live.byteLength}`)
})

t.test('one that falls off the end waits for a keyframe', async t => {
  const live = liveStream({ maxBytes: 3000 })
  const slow = live.subscribe({ maxLagMs: 60_000 })
  const gaps: Gap[] = []
  slow.on('gap', gap => gaps.push(gap))
  t.same(await read(slow), [])
  const input = await publish(live, ...gop(0, 20, 1000))
  t.same(
    await read(slow),
    ['v key@0', 'v@40', 'v@80', 'v@120'],
    'what its buffer held, and then nothing that could be decoded'
  )
  await write(input, ...gop(800, 2, 1000))
  t.same(await read(slow), ['v key@800', 'v@840'])
  t.same(gaps.length, 1)
  t.equal(gaps[0]?.ms, 680)
  t.same(live.stats().drops, { input: 0, lag: 0, overflow: gaps[0]?.messages, keyframe: 0 })
})

t.test('a thousand readers that read nothing cost one ring', async t => {
  const live = liveStream()
  const stalled = Array.from({ length: 1000 }, () => live.player())
  for (const each of stalled) each.read()
  const input = live.input()
  let most = 0
  for (let at = 0; at < 60_000; at += 1000) {
    await write(input, ...gop(at, 25, 1000))
    await turnOfTheLoop()
    most = Math.max(most, live.byteLength)
  }
  t.ok(most < 8 * 25_000, `${most} bytes at most, 5 s of it`)
  t.ok(stalled.every(each => each.readableLength <= 4))
})

t.test('the fan-out waits for nobody but who says so', async t => {
  const live = liveStream({ mergeMs: 0 })
  live.subscribe().read()
  const strict = live.subscribe({ wait: true })
  strict.read()
  const input = live.input()
  let written = 0
  const all = gop(0, 200)
  const write = async () => {
    for (const message of all) {
      await new Promise(resolve => input.write(message, resolve))
      written++
    }
  }
  const writing = write()
  await turnOfTheLoop()
  await turnOfTheLoop()
  t.ok(written < 20, `${written} while the strict one reads nothing`)
  const words: string[] = []
  strict.on('data', message => words.push(word(message)))
  await writing
  await turnOfTheLoop()
  t.same(words, all.map(word), 'and it misses nothing')
})

t.test('a strict reader that goes holds up nobody', async t => {
  const live = liveStream({ mergeMs: 0 })
  const strict = live.subscribe({ wait: true })
  strict.read()
  const input = live.input()
  let written = 0
  for (const message of gop(0, 50)) input.write(message, () => written++)
  await turnOfTheLoop()
  t.ok(written < 50)
  strict.destroy()
  await turnOfTheLoop()
  await turnOfTheLoop()
  t.equal(written, 50)
})

t.test('a second publisher is refused, unless it takes over or the first is silent', async t => {
  const live = liveStream()
  const first = live.input()
  t.throws(() => live.input(), { name: 'Refused', code: 'ERR_RTMP_REFUSED', status: 'NetStream.Publish.BadName' })
  first.write(video.keyframe(0))
  const second = live.input({ takeover: true })
  t.equal(first.destroyed, true)
  second.write(video.keyframe(0))
  clock.pass(9_999)
  t.throws(() => live.input())
  clock.pass(1)
  const third = live.input()
  t.equal(second.destroyed, true)
  t.equal(live.isPublished, true)
  third.destroy()
  t.equal(live.isPublished, false)
})

t.test(
  'who came while somebody published ends with that, be there frames or none; who waits goes on waiting',
  async t => {
    const clock = new TestClock()
    const live = liveStream({ holdMs: 1000, clock })
    const waiting = live.subscribe()
    const input = live.input()
    const recorder = live.subscribe()
    input.end()
    const ended = recorder.toArray()
    await new Promise(resolve => setImmediate(resolve))
    clock.pass(1000)
    t.same(await ended, [])
    await new Promise(resolve => setImmediate(resolve))
    t.equal(live.readers, 1)
    t.equal(waiting.destroyed, false)
  }
)

t.test('publishers that come one after another are one timeline', async t => {
  const clock = new TestClock()
  const live = liveStream({ holdMs: 1000, clock })
  const player = live.subscribe()
  ;(await publish(live, video.header(), ...gop(5000, 3), audio.frame(5090))).end()
  t.same(await read(player), ['v header@5000', 'v key@5000', 'v@5040', 'v@5080', 'a@5090'])
  clock.pass(999)
  await publish(
    live,
    metadata(),
    video.header(0, 2),
    audio.frame(20),
    video.keyframe(66),
    audio.frame(50),
    video.frame(106)
  )
  const second = ['meta@0', 'v header@5130', 'a@5130', 'v key@5176', 'a@5160', 'v@5216']
  t.same(await read(player), second, 'all by one offset')
  t.equal(clock.timers, 0)
})

t.test('a timeline goes on past 2^32', async t => {
  const live = liveStream()
  const player = live.subscribe()
  ;(await publish(live, video.keyframe(0xffffffe0), video.frame(0x10))).end()
  await publish(live, video.keyframe(7))
  t.same(await read(player), ['v key@4294967264', 'v@16', 'v key@64'])
  clock.pass(5000)
})

t.test('when nobody comes back its readers end, and it is idle when they have gone', async t => {
  const live = liveStream({ holdMs: 1000 })
  let idle = 0
  live.on('idle', () => idle++)
  const player = live.subscribe()
  const waiting = live.subscribe()
  waiting.on('end', () => t.fail('who has seen nothing goes on waiting'))
  ;(await publish(live, ...gop(0, 2))).end()
  t.same(await read(player), ['v key@0', 'v@40'])
  const fresh = live.subscribe()
  fresh.destroy()
  let ended = false
  player.on('end', () => {
    ended = true
  })
  player.resume()
  clock.pass(1000)
  await turnOfTheLoop()
  await turnOfTheLoop()
  t.equal(ended, true)
  t.equal(idle, 0)
  waiting.destroy()
  await turnOfTheLoop()
  t.equal(idle, 1)
})

t.test('what is over is not played to one that joins behind it, and waits', async t => {
  const live = liveStream({ holdMs: 1000 })
  live.subscribe()
  ;(await publish(live, ...opening, ...gop(0, 2))).end()
  const held = live.subscribe()
  clock.pass(1000)
  const late = live.subscribe()
  t.equal((await read(held)).length, 5, 'while it is held it is')
  t.same(await read(late), [])
  await publish(live, video.header(0, 2), video.keyframe(0))
  t.same(await read(late), ['v header@80', 'v key@80'])
})

t.test('end() ends every reader behind what it is still to read', async t => {
  const live = liveStream()
  const reader = live.subscribe()
  const input = await publish(live, ...gop(0, 20), audio.frame(800))
  live.end()
  await write(input, video.frame(840))
  const words = (await reader.toArray()).map(word)
  t.equal(words.length, 21)
  t.equal(words.at(-1), 'a@800')
})

t.test('a publisher that is destroyed leaves as one that ends', async t => {
  const live = liveStream({ holdMs: 0 })
  const idle = new Promise(resolve => live.on('idle', resolve))
  ;(await publish(live, video.keyframe(0))).destroy()
  clock.pass(0)
  await idle
  t.pass()
})

t.test('messages that are no media are passed over, and @setDataFrame is taken off', async t => {
  const live = liveStream()
  const reader = live.subscribe()
  await publish(live, { ...metadata(), type: 20 }, metadata(), video.keyframe(0))
  t.same(await read(reader), ['meta@0', 'v key@0'])
})

t.test('the ring never holds more than it may, and numbers its batches without a gap', async t => {
  const entry = fc.record({ ms: fc.nat(400), bytes: fc.nat(2000), begins: fc.boolean(), wanted: fc.nat(30) })
  holds(
    t,
    'any stream',
    fc.property(fc.array(entry, { maxLength: 60 }), entries => {
      const ring = new MessageRing({ maxBytes: 5000, maxMs: 2000 })
      let at = 0
      return entries.every(({ ms, bytes, begins, wanted }, i) => {
        at += ms
        const batch = new MessageBatch([video.frame(at, bytes + 2)])
        ring.push(batch, begins ? [] : undefined, undefined)
        ring.trim(Math.max(0, i + 1 - wanted))
        const { first, next, entrance } = ring
        const held = Array.from({ length: next - first }, (_, k) => ring.at(first + k)!.batch)
        const bytesHeld = held.reduce((sum, { byteLength }) => sum + byteLength, 0)
        return (
          next === i + 1 &&
          (wanted === 0 || ring.at(next - 1)?.batch === batch) &&
          bytesHeld === ring.byteLength &&
          (held.length <= 1 || (bytesHeld <= 5000 && at - held[0]!.timestamp <= 2000)) &&
          (entrance === undefined || (entrance >= first && ring.at(entrance)?.state !== undefined))
        )
      })
    })
  )
})

const made = { a: audio.frame, v: video.frame, V: video.keyframe, head: video.header, meta: metadata }

/** A publisher: what it sends, of any order of tracks and with any clock, and how it goes. */
const anyPublisher = fc.record({
  start: fc.oneof(fc.constantFrom(0, 18_000_000, 2 ** 24 - 500, 2 ** 32 - 500), fc.nat(2 ** 32 - 1)),
  sent: fc.array(fc.tuple(fc.constantFrom(...(['a', 'a', 'v', 'v', 'V', 'head', 'meta'] as const)), fc.nat(60)), {
    maxLength: 40
  }),
  stateAt0: fc.boolean(),
  goes: fc.constantFrom('ends', 'fails', 'is taken over')
})

t.test(
  'whoever publishes: no track goes back, no audio is lost, video begins at a keyframe, A/V offsets are exact',
  t =>
    holdsLater(
      t,
      'any publishers, one after another',
      fc.asyncProperty(fc.array(anyPublisher, { maxLength: 4 }), async publishers => {
        const live = liveStream({ mergeMs: 0 })
        const got: Message[] = []
        live.subscribe({ maxLagMs: 1e9 }).on('data', (message: Message) => got.push(message))
        const sent: { by: number; message: Message }[] = []
        for (const [by, { start, sent: words, stateAt0, goes }] of publishers.entries()) {
          const input = live.input({ takeover: true })
          let at = start
          for (const [word, ms] of words) {
            at = (at + ms) >>> 0
            const message = made[word](stateAt0 && word.length > 1 ? 0 : at)
            // each frame says which it is
            if (word.length === 1) message.payload.writeUInt32BE(sent.length, 5)
            sent.push({ by, message })
            input.write(message)
          }
          await turnOfTheLoop()
          if (goes === 'ends') input.end()
          if (goes === 'fails') input.destroy()
        }
        live.end()
        await turnOfTheLoop()
        const frames = got.filter(message => !isState(message))
        const of = (message: Message) => sent[message.payload.readUInt32BE(5)]!
        const neverBack = ['audio', 'video'].every(name => {
          const times = frames.filter(message => isAudio(message) === (name === 'audio')).map(each => each.timestamp)
          return times.every((time, i) => i === 0 || ((time - times[i - 1]!) | 0) >= 0)
        })
        const allAudio = frames.filter(isAudio).length === sent.filter(({ message }) => isAudio(message)).length
        const each = publishers.map((_, by) => frames.filter(message => of(message).by === by))
        const atKeyframes = each.every(mine => isKeyframe(mine.find(isVideo) ?? video.keyframe(0)))
        const exact = each.every(mine => {
          const shifts = mine.map(message => (message.timestamp - of(message).message.timestamp) >>> 0)
          return new Set(shifts.map(shift => shift % 2 ** 24)).size <= 1
        })
        return neverBack && allAudio && atKeyframes && exact
      }),
      { numRuns: 300 }
    )
)

t.test(
  'a clock that jumps or begins again is mended and told, and the next keyframe has its headers again',
  async t => {
    const live = liveStream({ mergeMs: 0 })
    const repairs: Repair[] = []
    live.on('repair', repair => repairs.push(repair))
    const player = live.subscribe()
    const input = await publish(live, ...opening, video.keyframe(0), audio.frame(10), video.frame(40))
    t.equal((await read(player)).length, 6)
    await write(input, video.frame(10_800_080), audio.frame(10_800_056), video.keyframe(10_800_120))
    const again = ['meta@0', 'v header@120', 'a header@120']
    t.same(await read(player), ['v@80', 'a@56', ...again, 'v key@120'])
    t.same(repairs, [
      { kind: 'jump', track: 'video', from: 40, to: 10_800_080, ms: 10_800_040 },
      { kind: 'jump', track: 'audio', from: 10, to: 10_800_056, ms: 10_800_046 }
    ])
    await write(input, video.keyframe(500_000))
    t.same(await read(player), ['meta@0', 'v header@160', 'a header@160', 'v key@160'])
    t.equal(repairs[2]?.kind, 'backward')
    live.input({ takeover: true }).write(video.keyframe(5000))
    t.same(await read(player), ['v key@200'])
    t.same(repairs[3], { kind: 'source', track: 'video', from: 200, to: 5000, ms: 4800 })
  }
)

t.test('a wrap of 24 or 32 bits is none', async t => {
  for (const at of [2 ** 24, 2 ** 32]) {
    const live = liveStream({ mergeMs: 0 })
    live.on('repair', () => t.fail('nothing is to be told'))
    const player = live.subscribe()
    await publish(
      live,
      video.keyframe(at - 40),
      audio.frame(at - 20),
      video.frame(0),
      audio.frame(3),
      video.keyframe(40)
    )
    const out = (ms: number) => (at + ms) % 2 ** 32
    t.same(await read(player), [`v key@${at - 40}`, `a@${at - 20}`, `v@${out(0)}`, `a@${out(3)}`, `v key@${out(40)}`])
  }
})

t.test('a step that took its time is closed by no more than maxJumpMs', async t => {
  const clock = new TestClock()
  const live = liveStream({ clock, mergeMs: 0, maxJumpMs: 1000 })
  const player = live.subscribe()
  const input = await publish(live, video.keyframe(0))
  clock.pass(600)
  await write(input, video.keyframe(5000))
  clock.pass(5000)
  await write(input, video.keyframe(10_000))
  t.same(await read(player), ['v key@0', 'v key@600', 'v key@1600'])
})

t.test('with mend: false the clock stays as it is, and is told', async t => {
  const live = liveStream({ mergeMs: 0, mend: false })
  let told = 0
  live.on('repair', () => told++)
  const player = live.subscribe()
  await publish(live, video.keyframe(0), video.keyframe(90_000))
  live.input({ takeover: true }).write(video.keyframe(20))
  t.same(await read(player), ['v key@0', 'v key@90000', 'v key@20'])
  t.equal(told, 2)
  t.throws(() => liveStream({ mend: 'no' as never }), TypeError)
  t.throws(() => liveStream({ maxJumpMs: 0 }), RangeError)
})

t.test('its numbers: what came, what was given, what was dropped and why, what it holds, since when', async t => {
  const clock = new TestClock()
  const live = liveStream({ clock, holdMs: 100, maxMs: 1000 })
  clock.pass(50)
  const [one, other] = [live.player(), live.subscribe()]
  const input = live.input()
  clock.pass(7)
  await write(input, video.frame(0, 10), video.header(0), video.keyframe(40, 100), video.frame(80, 100))
  t.same(await read(one), ['[v header@40]', '[v key@40]', '[v@80]'])
  t.same(await read(other), ['v header@40', 'v key@40', 'v@80'])
  const header = video.header().payload.length
  const numbers = {
    publishers: 1,
    readers: 2,
    bytesIn: 10 + header + 200,
    messagesIn: 4,
    bytesOut: 2 * (header + 200),
    messagesOut: 6,
    repairs: 0,
    drops: { input: 1, lag: 0, overflow: 0, keyframe: 0 },
    ring: { bytes: 200, messages: 2, ms: 40, maxBytes: 16 * 1024 * 1024, maxMs: 1000 },
    video: {
      codec: 'AVC',
      width: undefined,
      height: undefined,
      frameRate: undefined,
      profile: undefined,
      level: undefined,
      hdr: undefined,
      frames: 2,
      keyframes: 1,
      keyframeIntervalMs: undefined
    },
    audio: undefined,
    uptimeMs: 57,
    publishedMs: 7
  }
  t.same(live.stats(), numbers)
  // past what it holds: who comes now is given audio, and no video
  for (let at = 120; at < 2000; at += 400) await write(input, video.frame(at, 1))
  const late = live.subscribe()
  await read(late)
  await write(input, video.frame(2040, 1), audio.frame(2045), video.frame(2080, 1))
  t.same(await read(late), ['v header@2045', 'a@2045'])
  t.equal(live.stats().drops.keyframe, 2)
  await write(input, video.keyframe(400_000))
  t.equal(live.stats().repairs, 1)
  const { bytesOut, messagesOut } = live.stats()
  for (const each of [one, other, late]) each.destroy()
  input.destroy()
  const left = { publishers: 0, readers: 0, bytesOut, messagesOut, publishedMs: 0, uptimeMs: 57 }
  t.match(live.stats(), left, 'what readers were given remains when they have left')
})

t.test(
  'its tracks: the codec of the header, the size that the metadata says where the header says none, frames and keyframes',
  async t => {
    const live = liveStream()
    const size = { width: 1920, height: 1080, audiosamplerate: 22_050, stereo: false }
    const input = await publish(live, metadata(0, size), video.header(), audio.header(), ...gop(0), ...gop(200))
    await write(input, audio.frame(400), audio.frame(423), video.header(440, 2), audio.header(440), ...gop(440))
    const seen = { codec: 'AVC', width: 1920, height: 1080, frames: 15, keyframes: 3, keyframeIntervalMs: 240 }
    const heard = { codec: 'AAC', sampleRate: 44_100, channels: 2, messages: 2 }
    t.match(live.stats(), { video: seen, audio: heard })
    await write(input, metadata(0, { width: 'wide', height: -1 }))
    t.match(live.stats().video, { width: null, height: null })
    // another publisher has other tracks; frames are totals
    input.end()
    const other = live.input()
    t.match(live.stats(), { video: null, audio: null })
    const enhanced = track(0)
    await write(other, enhanced.header(0), enhanced.keyframe(0), enhanced.frame(40))
    t.match(live.stats().video, { codec: 'HEVC', frames: 17, keyframes: 4, keyframeIntervalMs: null })
  }
)

t.test('the sound that the stream itself says, else the metadata', async t => {
  const said = { audiosamplerate: 8000, audiochannels: 6 }
  const cases: [payload: string, sampleRate: number, channels: number][] = [
    ['af001210', 44_100, 2],
    ['af001188', 48_000, 1],
    ['af0011b8', 48_000, 8],
    // the rate in 24 bits
    ['af00178015888908', 11_025, 1],
    // HE-AAC, whose second rate is that of the sound; version 2, of one channel
    ['af002b11880000', 48_000, 2],
    ['af00eb098800', 48_000, 2],
    ['906d7034611190', 48_000, 2],
    // the channels are in the first frame; a reserved rate
    ['af001180', 48_000, 6],
    ['af001690', 8000, 2],
    ['2fff', 44_100, 2],
    ['904f707573', 8000, 6],
    ['af0012', 8000, 6]
  ]
  for (const [payload, sampleRate, channels] of cases) {
    const live = liveStream()
    const header = { ...audio.header(), payload: Buffer.from(payload, 'hex') }
    await publish(live, metadata(0, said), header, audio.frame(0))
    t.match(live.stats().audio, { sampleRate, channels }, payload)
  }
})

t.test('the numbers of each reader: how far it is behind, what it was given and has missed, since when', async t => {
  const clock = new TestClock()
  const live = liveStream({ clock, mergeMs: 0 })
  const first = live.player({ label: 'first', maxLagMs: 1000 })
  const strict = live.subscribe({ wait: true })
  strict.resume()
  const input = await publish(live, video.header(), ...gop(0, 3))
  clock.pass(5)
  const none = { lag: 0, overflow: 0, keyframe: 0 }
  const given = { bytesOut: 306, messagesOut: 4, drops: none }
  const level = { lagMs: 0, waitingBytes: 0, ...given, sinceMs: 5 }
  t.same(live.readerStats(), [
    { id: 1, label: 'first', maxLagMs: 1000, ...level, bytesOut: 0, messagesOut: 0, lagMs: 80, waitingBytes: 300 },
    { id: 2, label: undefined, maxLagMs: Number.POSITIVE_INFINITY, ...level }
  ])
  await read(first)
  t.same(first.stats(), { id: 1, label: 'first', maxLagMs: 1000, ...level })
  // its own buffer holds four batches
  await write(input, ...gop(120, 10))
  t.match(first.stats(), { lagMs: 240, waitingBytes: 600, messagesOut: 8 })
  await write(input, ...gop(2000, 1), ...gop(3000, 1))
  await read(first)
  t.match(first.stats(), { lagMs: 0, waitingBytes: 0, drops: { lag: 7 } })
  t.match(live.player().stats(), { id: 3, lagMs: 0, waitingBytes: 100, sinceMs: 0 })
  // one that waits for a keyframe has been given all there is for it
  const waits = live.subscribe({ from: 'now' })
  await write(input, audio.frame(3010))
  await read(waits)
  await write(input, video.frame(3040), video.frame(3080))
  t.match(waits.stats(), { lagMs: 0, waitingBytes: 0, drops: { keyframe: 2 } })
  waits.destroy()
  first.destroy()
  t.same(
    live.readerStats().map(({ id }) => id),
    [2, 3]
  )
  t.equal(live.stats().drops.lag, 7)
})

t.test('closed, it lets its publisher go, and readers when they have read what there is', async t => {
  const clock = new TestClock()
  const live = liveStream({ clock })
  const told: string[] = []
  for (const event of ['publish', 'unpublish', 'over', 'idle'] as const) live.on(event, () => told.push(event))
  const reader = live.subscribe()
  const input = await publish(live, video.keyframe(0))
  live.close()
  t.equal(input.destroyed, true)
  t.same(told, ['publish', 'over', 'unpublish'])
  t.equal(live.isIdle, false)
  t.same(await reader.map(word).toArray(), ['v key@0'])
  await turnOfTheLoop()
  t.same(told, ['publish', 'over', 'unpublish', 'idle'])
  t.equal(live.isIdle, true)
  t.equal(clock.timers, 0)
})
