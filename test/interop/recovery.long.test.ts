import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { connect, FlvReader, isAudio, isMetadata, isSequenceHeader, isVideo, type Message } from 'rtmpipe'
import t from 'tap'
import { film, folder } from '../support/films.ts'
import { publishers } from '../support/players.ts'
import { Program, without } from '../support/programs.ts'

/** What becomes of a stream whose encoder or clock fails, as real programs see it. */
t.jobs = 3
const skip = without('ffmpeg', 'ffprobe')
const options = { skip, buffered: true }
const cli = fileURLToPath(new URL('../../lib/app/cli.js', import.meta.url))
const rtmpipe = (t: { teardown(end: () => unknown): unknown }, ...args: string[]) =>
  new Program(t, process.execPath, [cli, ...args])

const frames = (file: string): Message[] =>
  [...new FlvReader().messages(readFileSync(file))].filter(
    message => !isMetadata(message) && !isSequenceHeader(message)
  )
const steps = (messages: readonly Message[]): number[] =>
  messages.slice(1).map(({ timestamp }, i) => timestamp - messages[i]!.timestamp)

t.test(
  'an encoder is killed and comes back, twice, under a player, a recording and a relay',
  { ...options },
  async t => {
    const home = folder(t)
    const source = film(join(home, 'film.flv'), { seconds: 60 })
    const serve = async (name: string) => {
      const program = rtmpipe(t, 'serve', '--port', '0', '--record', join(home, name))
      return { program, url: (await program.says(/listening (rtmp:\S+)/))[1]! }
    }
    const [near, far] = [await serve('near'), await serve('far')]
    const player = new Program(t, 'ffmpeg', [
      ...['-v', 'error', '-copyts', '-i', `${near.url}/live/film`, '-c', 'copy', '-f', 'flv', join(home, 'player.flv')]
    ])
    const relay = rtmpipe(t, 'relay', `${near.url}/live/film`, `${far.url}/live/film`)
    await near.program.says(/wait live\/film/, 2)
    for (const time of [1, 2, 3]) {
      const encoder = publishers.ffmpeg(t, source, `${near.url}/live/film`)
      await near.program.says(/publish live\/film from/, time)
      await sleep(3000)
      encoder.kill('SIGKILL')
      await near.program.says(/unpublish live\/film/, time)
      // within holdMs
      if (time < 3) await sleep(3000)
    }
    await player.ends()
    relay.kill('SIGINT')
    await relay.ends()
    for (const { program } of [near, far]) {
      program.kill()
      await program.ends()
    }
    const recording = (name: string) => {
      const files = readdirSync(join(home, name, 'live'))
      t.equal(files.length, 1, `${name}: one recording`)
      return join(home, name, 'live', files[0]!)
    }
    const files = [recording('near'), recording('far'), join(home, 'player.flv')]
    const [sound, ...others] = files.map(file => frames(file).filter(isAudio))
    t.ok(sound!.length > 300, `${sound!.length} frames of audio`)
    for (const [i, file] of files.entries()) {
      for (const isOf of [isAudio, isVideo]) {
        const all = steps(frames(file).filter(isOf))
        t.ok(Math.min(...all) >= 0, 'it never goes back')
        t.ok(Math.max(...all) <= 500, `nor far ahead: ${Math.max(...all)} ms in ${i}`)
      }
    }
    const played = (messages: readonly Message[]) => messages.map(({ payload }) => payload.toString('base64'))
    for (const other of others) t.same(played(other), played(sound!), 'and no audio is lost on the way')
  }
)

t.test('metadata, whenever it comes, makes no stream of subtitles', { ...options }, async t => {
  const home = folder(t)
  const source = film(join(home, 'film.flv'), { seconds: 30 })
  const server = rtmpipe(t, 'serve', '--port', '0')
  const [, base] = await server.says(/listening (rtmp:\S+)/)
  const url = `${base}/live/film`
  const session = await connect(`${base}/live`)
  const publishing = await session.publish('film')
  const all = [...new FlvReader().messages(readFileSync(source))]
  const [told] = all
  t.ok(isMetadata(told!))
  const began = performance.now()
  let lastTold = 0
  let isOver = false
  const feeding = (async () => {
    for (const message of all) {
      while (!isOver && performance.now() - began < message.timestamp - 2500) await sleep(10)
      if (isOver) break
      // each half second, as some encoders do
      if (message.timestamp - lastTold > 500) {
        lastTold = message.timestamp
        publishing.write({ ...told!, timestamp: message.timestamp })
      }
      if (!publishing.write(message)) await once(publishing, 'drain')
    }
  })()
  await server.says(/publish live\/film/)
  await sleep(1000)
  const mp4 = join(home, 'film.mp4')
  const streams = (of: string) =>
    execFileSync('ffprobe', ['-v', 'error', '-show_entries', 'stream=codec_name', '-of', 'csv=p=0', of])
      .toString()
      .trim()
      .split(/\s+/)
      .sort()
  const [copied, probed] = await Promise.all([
    new Program(t, 'ffmpeg', ['-v', 'error', '-i', url, '-t', '2', '-map', '0', '-c', 'copy', mp4]).ends(),
    new Program(t, 'ffprobe', ['-v', 'error', '-show_entries', 'stream=codec_name', '-of', 'csv=p=0', url]).ends()
  ])
  isOver = true
  await feeding
  await session.close()
  t.same(probed.out.toString().trim().split(/\s+/).sort(), ['aac', 'h264'])
  t.equal(copied.code, 0)
  t.same(streams(mp4), ['aac', 'h264'])
  t.equal(spawnSync('ffmpeg', ['-v', 'error', '-xerror', '-i', mp4, '-f', 'null', '-']).status, 0)
})
