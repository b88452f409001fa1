import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import {
  isKeyframe,
  LiveStream,
  type Message,
  type RecordedFile,
  type RecordRolledOptions,
  type Relay,
  type Retry,
  record,
  recordRolled
} from 'rtmpipe'
import t from 'tap'
import { TestClock } from './support/clock.ts'
import { folder, says, tags } from './support/films.ts'
import { audio, metadata, stream, video, word } from './support/media.ts'
import { holdsLater } from './support/property.ts'

/** The messages of each file below a folder, by name. */
const files = (home: string): Message[][] =>
  readdirSync(home, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.flv'))
    .sort()
    .map(name => tags(readFileSync(join(home, name))).map(({ message }) => message))

const words = (home: string): string[] => files(home).map(messages => messages.map(word).join(' '))

/** What is told of each file. */
function heard(recording: Relay): string[] {
  const told: string[] = []
  const name = ({ path }: RecordedFile) => path.replace(/.*\//, '').replace(/-\d.*/, '')
  recording.on('file', file => told.push(`file ${name(file)}`))
  recording.on('recorded', file => told.push(`recorded ${name(file)} ${file.durationMs}`))
  recording.on('retrying', ({ error, ms }: Retry) => told.push(`retrying ${(error as { code?: string }).code} ${ms}`))
  recording.on('ended', () => told.push('ended'))
  return told
}

/** Publishes all of it to a stream, and ends that. */
async function publish(live: LiveStream, messages: readonly Message[]): Promise<void> {
  const input = live.input()
  for (const message of messages) if (!input.write(message)) await once(input, 'drain')
  input.end()
  await once(input, 'close')
  live.end()
}

async function rolled(
  home: string,
  messages: readonly Message[],
  options: Partial<RecordRolledOptions>
): Promise<string[]> {
  const live = new LiveStream({ holdMs: 0 })
  const recording = recordRolled(live, home, { wait: true, ...options })
  const told = heard(recording)
  // it begins when its maker has had a turn
  await Promise.resolve()
  await Promise.all([once(recording, 'ended'), publish(live, messages)])
  return told
}

const late = (messages: readonly Message[], ms: number) =>
  messages.map(message => ({ ...message, timestamp: (message.timestamp + ms) >>> 0 }))

t.test('a recording begins at 0, whatever the clock of its publisher says, and its metadata is its own', async t => {
  const home = folder(t)
  const live = new LiveStream({ holdMs: 0 })
  const recording = record(live, home, { name: 'live/a:b' })
  const told = heard(recording)
  await Promise.resolve()
  const published = [metadata(0, { width: 160, duration: 99 }), ...late(stream(2), 18_000_000)]
  await Promise.all([once(recording, 'ended'), publish(live, published)])
  t.same(words(home), ['meta@0 v header@0 a header@0 v key@0 a@20 v@500 a@520 v key@1000 a@1020 v@1500 a@1520'])
  t.same(told, ['file a%3Ab', 'recorded a%3Ab 1520', 'ended'])
  const [name] = readdirSync(join(home, 'live'))
  const { width, duration } = says(readFileSync(join(home, 'live', name!)))
  t.same({ width, duration }, { width: 160, duration: 1.52 })
})

t.test('rolled by time: each file begins at a keyframe, at 0, with metadata and headers', async t => {
  const home = folder(t)
  const told = await rolled(home, [metadata(0, { width: 160 }), ...late(stream(5), 7000)], { everyMs: 1500 })
  t.same(words(home), [
    'meta@0 v header@0 a header@0 v key@0 a@20 v@500 a@520 v key@1000 a@1020 v@1500 a@1520',
    'meta@0 v header@0 a header@0 v key@0 a@20 v@500 a@520 v key@1000 a@1020 v@1500 a@1520',
    'meta@0 v header@0 a header@0 v key@0 a@20 v@500 a@520'
  ])
  t.match(told, [
    'file recording',
    'recorded recording 1520',
    'file recording',
    'recorded recording 1520',
    'file recording',
    'recorded recording 520',
    'ended'
  ])
  for (const name of readdirSync(home)) t.equal(says(readFileSync(join(home, name))).width, 160)
})

t.test('rolled by bytes, and by whichever comes first', async t => {
  const starts = async (options: Partial<RecordRolledOptions>) => {
    const home = folder(t)
    await rolled(home, stream(4), options)
    return files(home).map(messages => messages.filter(isKeyframe).length)
  }
  t.same(await starts({ everyBytes: 1 }), [1, 1, 1, 1])
  t.same(await starts({ everyBytes: 1e6 }), [4])
  t.same(await starts({ everyBytes: 1e6, everyMs: 2000 }), [2, 2])
})

t.test('a stream without video is begun anew at any audio', async t => {
  const home = folder(t)
  const sound = Array.from({ length: 7 }, (_, at) => audio.frame(at * 23))
  await rolled(home, [audio.header(), ...sound], { everyMs: 60 })
  t.same(words(home), ['meta@0 a header@0 a@0 a@23 a@46', 'meta@0 a header@0 a@0 a@23 a@46', 'meta@0 a header@0 a@0'])
})

t.test('and one whose camera is switched off', async t => {
  const home = folder(t)
  const sound = Array.from({ length: 60 }, (_, at) => audio.frame(at * 500))
  await rolled(home, [video.header(), audio.header(), video.keyframe(0), ...sound], { everyMs: 5000 })
  t.same(
    files(home).map(messages => messages.filter(isKeyframe).length),
    [1, 0, 0, 0, 0]
  )
})

t.test('whatever is published lies in one file or another, in order and at its distance', async t => {
  const frame = fc.constantFrom(video.keyframe, video.frame, audio.frame)
  const steps = fc.array(fc.tuple(frame, fc.nat(900)), { minLength: 1, maxLength: 60 })
  await holdsLater(
    t,
    'rolled',
    fc.asyncProperty(steps, fc.nat(2 ** 32 - 1), fc.integer({ min: 1, max: 3000 }), async (made, begin, everyMs) => {
      const home = folder(t)
      let at = begin
      const frames = made.map(([make, step], number) => {
        at = (at + step) >>> 0
        return make(at, 100 + number)
      })
      const published = [video.header(begin), audio.header(begin), video.keyframe(begin, 99), ...frames]
      await rolled(home, published, { everyMs })
      const parts = files(home).map(messages =>
        messages.filter(({ type, payload }) => type !== 18 && payload.length >= 99)
      )
      const written = parts.flat()
      rmSync(home, { recursive: true })
      return (
        written.length === frames.length + 1 &&
        written.every((message, number) => message.payload.length === 99 + number) &&
        parts.every(([begun, ...rest]) => {
          const first = begun!
          const source = (message: Message) => published[message.payload.length - 99 + 2]!.timestamp
          return (
            isKeyframe(first) &&
            first.timestamp === 0 &&
            rest.every(message => message.timestamp === (source(message) - source(first)) >>> 0)
          )
        })
      )
    }),
    { numRuns: 60 }
  )
})

t.test('recordings of one name that begin in one millisecond have a file each, from the beginning', async t => {
  const live = new LiveStream({ clock: new TestClock() })
  const home = folder(t)
  const recordings = [1, 2, 3].map(() => record(live, home))
  const ended = Promise.all(recordings.map(recording => once(recording, 'ended')))
  for (const recording of recordings) recording.on('retrying', () => t.fail('it was tried again'))
  await publish(live, stream(2))
  await ended
  const all = words(home)
  t.equal(all.length, 3)
  t.same(all, [all[0], all[0], all[0]])
  t.match(all[0], /^meta@0 v header@0 a header@0 v key@0 /)
})

t.test('what the disk refuses is tried again, from the newest keyframe on', async t => {
  const home = folder(t)
  const root = join(home, 'rec')
  writeFileSync(root, 'a file where a folder should be')
  const clock = new TestClock()
  const live = new LiveStream({ holdMs: 0 })
  const recording = record(live, root, { clock, jitter: () => 1 })
  const told = heard(recording)
  const input = live.input()
  const write = async (messages: readonly Message[]) => {
    for (const message of messages) if (!input.write(message)) await once(input, 'drain')
  }
  const happens = async (what: RegExp) => {
    while (!told.some(each => what.test(each))) await new Promise(resolve => setTimeout(resolve, 1))
  }
  await write(stream(2))
  await happens(/retrying EEXIST 1000/)
  clock.pass(1000)
  await happens(/retrying EEXIST 2000/)
  rmSync(root)
  await write(late(stream(2).slice(2), 2000))
  clock.pass(2000)
  await happens(/file recording/)
  input.end()
  await once(input, 'close')
  live.end()
  await happens(/ended/)
  t.same(words(root), ['meta@0 v header@0 a header@0 v key@0 a@20 v@500 a@520'])
  t.same(told, ['retrying EEXIST 1000', 'retrying EEXIST 2000', 'file recording', 'recorded recording 520', 'ended'])
  t.equal(clock.timers, 0)
})

t.test('what is over while nothing can be recorded is not waited for', async t => {
  const root = join(folder(t), 'rec')
  writeFileSync(root, '')
  const clock = new TestClock()
  const live = new LiveStream({ holdMs: 0 })
  const recording = record(live, root, { clock })
  const told = heard(recording)
  live.input().write(video.keyframe(0))
  await once(recording, 'retrying')
  live.end()
  await once(recording, 'ended')
  t.match(told, [/retrying/, 'ended'])
  t.equal(clock.timers, 0)
  t.equal(live.readers, 0)
})

t.test('a recording that is closed is whole, and so is one that is aborted', async t => {
  for (const how of ['close', 'abort'] as const) {
    const home = folder(t)
    const live = new LiveStream({ holdMs: 0 })
    const controller = new AbortController()
    const recording = record(live, home, { signal: controller.signal })
    const input = live.input()
    for (const message of stream(2)) input.write(message)
    await once(recording, 'file')
    if (how === 'close') recording.close()
    else controller.abort()
    await once(recording, 'ended')
    const [messages] = files(home)
    t.ok(messages!.length > 1)
    const [name] = readdirSync(home)
    t.equal(says(readFileSync(join(home, name!))).filesize, readFileSync(join(home, name!)).length)
    input.end()
  }
})

t.test('a mistake in its options is thrown at once', async t => {
  const live = new LiveStream()
  const root = join(folder(t), 'rec')
  t.throws(() => recordRolled(live, root, {}), TypeError)
  const wrong: RecordRolledOptions[] = [
    { everyMs: 0 },
    { everyMs: Number.NaN },
    { everyBytes: -1 },
    { everyMs: 1, maxKeyframes: 1 },
    { everyMs: 1, maxLagMs: 0 },
    { everyMs: 1, retryMs: 0 }
  ]
  for (const options of wrong) t.throws(() => recordRolled(live, root, options), RangeError, JSON.stringify(options))
  t.equal(live.readers, 0)
  t.notOk(existsSync(root), 'and nothing is made')
})
