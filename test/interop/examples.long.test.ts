import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { connect, FlvWriter, isKeyframe, isVideo, joinTracks, type Message } from 'rtmpipe'
import t from 'tap'
import { capturedMedia } from '../support/captures.ts'
import { film, folder, packetLines, packets } from '../support/films.ts'
import { LiveServer } from '../support/live-server.ts'
import { stream } from '../support/media.ts'
import { players, publishers } from '../support/players.ts'
import { example, Program, without } from '../support/programs.ts'

/** The examples of servers, with the programs they are for. */
t.jobs = 4
const options = { skip: without('ffmpeg', 'rtmpdump'), buffered: true }
/** Of servers that are not the example: their players hear at once that a stream has ended. */
const live = { live: { holdMs: 100 } }
const demo = fileURLToPath(new URL('../../../assets/demo.flv', import.meta.url))
const urlOf = async (program: Program) => (await program.says(/listening (rtmp:\/\/\S+)/))[1]!

t.test('server', { ...options }, async t => {
  const home = folder(t)
  const source = film(join(home, 'film.flv'), { seconds: 2 })
  const program = example(t, 'server', '0')
  const url = `${await urlOf(program)}/live/film`
  const publisher = publishers.ffmpeg(t, source, url)
  const player = players.ffmpeg(t, url)
  await publisher.ends()
  const got = await player.packets()
  t.ok(got.length > 25)
  t.same(got, packets(source).slice(-got.length))
})

t.test('http-flv: FFmpeg reads what was published, packet for packet', { ...options }, async t => {
  const source = film(join(folder(t), 'film.flv'), { seconds: 2 })
  const program = example(t, 'http-flv', '0')
  const url = await urlOf(program)
  // it waits for the publisher, as a player does
  const viewer = players.ffmpeg(t, `${url.replace('rtmp:', 'http:')}/live/film.flv`)
  const player = players.ffmpeg(t, `${url}/live/film`)
  await publishers.ffmpeg(t, source, `${url}/live/film`).ends()
  const [watched, played] = [await viewer.packets(), await player.packets()]
  t.ok(watched.length > 25)
  t.same(watched, packets(source).slice(-watched.length))
  t.same(played.slice(-25), watched.slice(-25))
})

t.test('record', { ...options }, async t => {
  const home = folder(t)
  const source = film(join(home, 'film.flv'), { seconds: 2 })
  const program = example(t, 'record', join(home, 'rec'), '0')
  await publishers.ffmpeg(t, source, `${await urlOf(program)}/live/film`).ends()
  const [, path] = await program.says(/recorded (\S+), \d+ ms/)
  t.same(packets(path!), packets(source))
  t.equal(readdirSync(join(home, 'rec', 'live')).length, 1)
  await publishers.ffmpeg(t, source, `${await urlOf(program)}/live/..`).ends()
  const [, other] = await program.says(/recorded (\S+), \d+ ms/, 2)
  t.match(other, /\/rec\/live\/\.%2E-/, 'a name that leads elsewhere is made safe')
})

t.test('file-server: whole, from a time, and sought in', { ...options }, async t => {
  const home = folder(t)
  const source = film(join(home, 'film.flv'), { seconds: 6 })
  const program = example(t, 'file-server', home, '0')
  const url = `${await urlOf(program)}/vod/film`
  const sent = packets(source)
  const from = (ms: number) => {
    const video = sent.filter(line => line.startsWith('0,')).map(line => Number(line.split(',')[1]))
    const begin = video
      .filter((_, i) => i % 25 === 0)
      .filter(at => at <= ms)
      .at(-1)!
    return sent.slice(sent.findIndex(line => line.startsWith(`0,${begin},`)))
  }
  const whole = players.ffmpeg(t, url)
  const late = players.rtmpdump(t, url, home, '--start', '3')
  t.same(await whole.packets(), sent)
  // rtmpdump adds its start to the times
  const bodies = (lines: string[]) => lines.map(line => line.split(',').slice(4, 6).join())
  t.same(bodies(await late.packets()), bodies(from(3000)), 'from the keyframe ahead of three seconds')
  await program.says(/stop film/, 2)
  const seeking = players.ffmpeg(t, url, home, '-ss', '4')
  const sought = await seeking.packets()
  const [, ms] = await program.says(/play film from ([1-9]\d*) ms/, 2)
  const plain = (lines: string[]) => lines.map(line => line.split(',').slice(0, 6).join())
  t.same(plain(sought), plain(from(Number(ms))), 'ffmpeg seeks')
  const missing = players.ffmpeg(t, `${url}-not`)
  t.not((await missing.program.ends()).code, 0)
  t.match(missing.program.said, /file not found/)
  const evil = players.ffmpeg(t, url, home, '-rtmp_playpath', '../film')
  t.not((await evil.program.ends()).code, 0)
})

t.test('auth: a look-up before anything is answered, and a name instead of the key', { ...options }, async t => {
  const source = film(join(folder(t), 'film.flv'), { seconds: 2 })
  const program = example(t, 'auth', '0')
  const url = await urlOf(program)
  const denied = publishers.ffmpeg(t, source, `${url}/live/key-of-nobody`)
  t.not((await denied.ends()).code, 0)
  t.match(denied.said, /unknown key/)
  publishers.ffmpeg(t, source, `${url}/live/key-of-ada`, '-stream_loop', '-1')
  await program.says(/publish live\/ada/)
  const byKey = players.ffmpeg(t, `${url}/live/key-of-ada`)
  t.not((await byKey.program.ends()).code, 0, 'nobody plays it by its key')
  await players.ffmpeg(t, `${url}/live/ada`).program.says(/\n0,/, 10)
})

t.test('publish and play, on the server', { ...options }, async t => {
  const home = folder(t)
  const source = film(join(home, 'film.flv'), { seconds: 2 })
  const server = new LiveServer(t, live)
  const url = `${await server.listen()}/live`
  const player = example(t, 'play', url, 'film', join(home, 'copy.flv'))
  await server.happens('play live/film', 2)
  const publisher = example(t, 'publish', source, url, 'film')
  t.equal((await publisher.ends()).code, 0)
  t.match(publisher.said, 'published')
  await player.says(/keyframe at 1\d{3} ms/)
  t.same(packets(join(home, 'copy.flv')).slice(0, 50), packets(source).slice(0, 50))
  const refused = example(t, 'publish', source, 'rtmp://127.0.0.1:1/live', 'film')
  t.equal((await refused.ends()).code, 1)
  t.match(refused.said, /not published: ECONNREFUSED/)
})

t.test('restream: one in, three out', { ...options }, async t => {
  const home = folder(t)
  const source = film(join(home, 'film.flv'), { seconds: 2 })
  const to = new LiveServer(t, live)
  const base = await to.listen()
  const urls = [1, 2, 3].map(number => `${base}/live/copy-${number}`)
  const program = example(t, 'restream', '0', ...urls)
  const all = urls.map(url => players.ffmpeg(t, url))
  await to.happens('play live/copy', 3)
  await publishers.ffmpeg(t, source, `${await urlOf(program)}/live/film`).ends()
  for (const player of all) t.same(await player.packets(), packets(source))
  await program.says(/\d ended/, 3)
})

t.test('proxy: a key becomes a name, or is refused', { ...options }, async t => {
  const source = film(join(folder(t), 'film.flv'), { seconds: 2 })
  const origin = new LiveServer(t, live)
  const base = `${await origin.listen()}/live`
  const url = `${await urlOf(example(t, 'proxy', base, '0'))}/live`
  const player = players.ffmpeg(t, `${base}/ada`)
  await origin.happens('play live/ada')
  t.equal((await publishers.ffmpeg(t, source, `${url}/key-of-ada`).ends()).code, 0)
  t.same(await player.packets(), packets(source))
  const denied = publishers.ffmpeg(t, source, `${url}/key-of-nobody`)
  t.not((await denied.ends()).code, 0)
  t.match(denied.said, /unknown key/)
})

t.test('route-by-key: each key has its origin', { ...options }, async t => {
  const source = film(join(folder(t), 'film.flv'), { seconds: 2 })
  const [one, two] = [new LiveServer(t, live), new LiveServer(t, live)]
  const [first, second] = [await one.listen(), await two.listen()]
  const routes = [`a=${first}/live/film`, `b=${second}/live/film`]
  const url = await urlOf(example(t, 'route-by-key', '0', ...routes))
  const player = players.ffmpeg(t, `${second}/live/film`)
  await two.happens('play live/film')
  t.equal((await publishers.ffmpeg(t, source, `${url}/live/b`).ends()).code, 0)
  t.same(await player.packets(), packets(source))
  const denied = publishers.ffmpeg(t, source, `${url}/live/c`)
  t.not((await denied.ends()).code, 0)
  t.match(denied.said, /unknown key/)
})

t.test('relay-on-demand: fetched for the first player, let go behind the last', { ...options }, async t => {
  const source = film(join(folder(t), 'film.flv'), { seconds: 2 })
  const origin = new LiveServer(t, live)
  const base = await origin.listen()
  const edge = example(t, 'relay-on-demand', base, '0')
  const url = `${await urlOf(edge)}/live/film`
  const all = [players.ffmpeg(t, url), players.ffmpeg(t, url)]
  await edge.says(/play live\/film/, 2)
  await edge.says(/pull live\/film/)
  await publishers.ffmpeg(t, source, `${base}/live/film`).ends()
  for (const player of all) t.same(await player.packets(), packets(source))
  await edge.says(/let go of live\/film/)
  t.equal(edge.said.match(/pull/g)?.length, 1)
})

/** The times of the packets of a track, in the order they came. */
const times = (lines: readonly string[], track: 0 | 1) =>
  lines.filter(line => line.startsWith(`${track},`)).map(line => Number(line.split(',')[1]))
const steps = (of: readonly number[]) => of.slice(1).map((time, i) => time - of[i]!)

t.test('transcode: its ffmpeg is killed and comes back, and who watches stays', { ...options }, async t => {
  const program = example(t, 'transcode', '0')
  const url = await urlOf(program)
  const player = players.ffmpeg(t, `${url}/small/film`)
  const publisher = publishers.ffmpeg(t, demo, `${url}/live/film`, '-stream_loop', '-1')
  const [, pid] = await program.says(/ffmpeg is process (\d+)/)
  await player.program.says(/\n0,/, 10)
  process.kill(Number(pid), 'SIGKILL')
  await program.says(/again in \d+ ms/)
  await program.says(/ffmpeg is process (\d+)/, 2)
  await player.program.says(/\n0,/, player.program.said.split('\n0,').length + 20)
  publisher.kill()
  await program.says(/transcoded live\/film/)
  const got = await player.packets()
  t.match(player.program.said, '#dimensions 0: 320x180')
  for (const track of [0, 1] as const) t.ok(Math.min(...steps(times(got, track))) >= 0, 'one timeline')
  const denied = publishers.ffmpeg(t, demo, `${url}/small/film`)
  t.not((await denied.ends()).code, 0)
  t.match(denied.said, /publish to \/live/)
})

t.test('transcode: a slow ffmpeg delays no publisher, and goes on at the newest keyframe', { ...options }, async t => {
  const source = film(join(folder(t), 'film.flv'), { seconds: 8, size: '1280x720' })
  const program = example(t, 'transcode', '0')
  const url = await urlOf(program)
  const player = players.ffmpeg(t, `${url}/small/film`)
  const publisher = publishers.ffmpeg(t, source, `${url}/live/film`)
  const [, pid] = await program.says(/ffmpeg is process (\d+)/)
  process.kill(Number(pid), 'SIGSTOP')
  t.equal((await publisher.ends()).code, 0)
  process.kill(Number(pid), 'SIGCONT')
  const [, ms] = await program.says(/the encoder is slow: (\d+) ms left out/)
  t.ok(Number(ms) > 2000)
  await program.says(/transcoded live\/film/)
  t.ok((await player.packets()).length > 10)
})

t.test('ladder: three renditions of one ffmpeg, which is killed and comes back', { ...options }, async t => {
  const program = example(t, 'ladder', '0', '120', '60')
  const url = await urlOf(program)
  const all = ['120p', '60p', 'audio'].map(app => players.ffmpeg(t, `${url}/${app}/film`))
  const publisher = publishers.ffmpeg(t, demo, `${url}/live/film`, '-stream_loop', '-1')
  const [, pid] = await program.says(/ffmpeg is process (\d+)/)
  for (const { program } of all) await program.says(/\n0,/, 10)
  process.kill(Number(pid), 'SIGKILL')
  await program.says(/ffmpeg is process (\d+)/, 2)
  for (const { program } of all) await program.says(/\n0,/, program.said.split('\n0,').length + 20)
  publisher.kill()
  await program.says(/encoded live\/film/)
  for (const [i, dimensions] of [/#dimensions 0: 214x120/, /#dimensions 0: 106x60/, undefined].entries()) {
    const got = await all[i]!.packets()
    if (dimensions) t.match(all[i]!.program.said, dimensions)
    else t.match(all[i]!.program.said, /#media_type 0: audio\n(?!#.* 1:)/)
    t.ok(Math.min(...steps(times(got, 0))) >= 0, 'one timeline')
  }
})

t.test('split-tracks: what two ffmpegs publish, joined into one stream and split again', { ...options }, async t => {
  const home = folder(t)
  const server = new LiveServer(t, live)
  const sizes = ['320x240', '160x120'] as const
  const sources = sizes.map(size => film(join(home, `${size}.flv`), { seconds: 3, size }))
  const program = example(t, 'split-tracks', '0')
  const url = await urlOf(program)
  const all = ['240p', '120p'].map(each => players.ffmpeg(t, `${url}/live/film_${each}`))
  const primary = players.ffmpeg(t, `${url}/live/film`)
  const origin = await server.listen()
  const session = await connect(`${url}/live`)
  // what they have is read once both are published: programs may start seconds apart
  const readers = sizes.map((size, id) => ({
    source: server.at(`live/${size}`).subscribe({ maxLagMs: 60_000 }),
    ...{ video: id, audio: id }
  }))
  for (const [i, size] of sizes.entries()) publishers.ffmpeg(t, sources[i]!, `${origin}/live/${size}`)
  await Promise.all(sizes.map(size => server.happens(`publish live/${size}?`)))
  await pipeline(joinTracks(readers), await session.publish('film'))
  await session.close()
  await program.says(/film_240p: AVC, 320x240/)
  await program.says(/film_120p: AVC, 160x120/)
  const video = (lines: readonly string[]) => lines.filter(line => line.startsWith('0,'))
  for (const [i, source] of sources.entries())
    t.same(video(await all[i]!.packets()), video(packets(source)), `${sizes[i]}`)
  t.same(video(await primary.packets()), video(packets(sources[0]!)), 'the whole is played as its primary tracks')
})

t.test(
  'join-tracks: a rendition joins while the stream is played, and is chosen by its id',
  { ...options },
  async t => {
    const home = folder(t)
    const source = (size: string, seconds: number) => film(join(home, `${size}.flv`), { seconds, size })
    const [small, large] = [source('160x120', 6), source('320x240', 3)]
    const program = example(t, 'join-tracks', '0')
    const url = await urlOf(program)
    const primary = players.ffmpeg(t, `${url}/joined/film`)
    const chosen = players.ffmpeg(t, `${url}/joined/film?videoTrack=1`)
    const publisher = publishers.ffmpeg(t, small, `${url}/live/film`)
    await primary.program.says(/\n0,/, 25)
    await publishers.ffmpeg(t, large, `${url}/live/film_large`).ends()
    await publisher.ends()
    const bodies = (lines: string[]) =>
      lines.filter(line => line.startsWith('0,')).map(line => line.split(',').slice(4, 6).join())
    t.same(bodies(await chosen.packets()), bodies(packets(large)))
    const got = await primary.packets()
    t.match(primary.program.said, '#dimensions 0: 160x120')
    t.same(new Set(bodies(got)), new Set(bodies(packets(small))))
    t.ok(Math.min(...steps(times(got, 0))) >= 0, 'one timeline')
    t.match(program.said, /has 1 sources.*has 2 sources/s)
  }
)

t.test('tap-recording: a file beside the players', { ...options }, async t => {
  const home = folder(t)
  const program = example(t, 'tap-recording', home, '0')
  const url = `${await urlOf(program)}/live/film`
  const player = players.ffmpeg(t, url)
  await publishers.ffmpeg(t, demo, url).ends()
  const [, path] = await program.says(/recorded (\S+)/)
  t.same(packets(path!), packets(demo))
  t.same((await player.packets()).slice(-50), packets(demo).slice(-50))
})

const httpOf = (url: string) => url.replace('rtmp:', 'http:')
/** What is there once it matches. */
async function fetched(url: string, pattern: RegExp): Promise<string> {
  for (;;) {
    const text = await (await fetch(url)).text()
    if (pattern.test(text)) return text
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}
/** Settles when it is answered. */
async function thereIs(url: string): Promise<void> {
  for (;;) {
    const { ok, body } = await fetch(url)
    await body?.cancel()
    if (ok) return
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}
const streamsOf = (input: string) =>
  execFileSync('ffprobe', ['-v', 'error', '-show_entries', 'stream=codec_name,width,height', '-of', 'csv=p=0', input])
    .toString()
    .trim()
    .split(/\s+/)

t.test('hls: of what ffmpeg publishes, and of codecs whose FLV it cannot read', { ...options }, async t => {
  const program = example(t, 'hls', '0')
  const url = await urlOf(program)
  const list = (name: string) => `${httpOf(url)}/${name}/index.m3u8`
  const segments = (name: string) => `${httpOf(url)}/${name}/playlist-1.m3u8`
  const publisher = publishers.ffmpeg(t, demo, `${url}/live/film`, '-stream_loop', '-1')
  t.match(await fetched(list('film'), /CODECS/), 'CODECS="avc1.4d4015,mp4a.40.2",RESOLUTION=320x180')
  await fetched(segments('film'), /0-2\.m4s/)
  publisher.kill()
  await publisher.ends()

  await using session = await connect(`${url}/live`)
  const publish = async (name: string, messages: readonly Message[]) =>
    pipeline(Readable.from(messages), await session.publish(name))
  await publish('film', capturedMedia('ffmpeg8-publish-hevc-aac'))
  await program.says(/segmented film/)
  t.match(await fetched(list('film'), /hvc1/), 'CODECS="hvc1.1.6.L30.90,mp4a.40.2",RESOLUTION=160x120')
  t.match(
    await fetched(segments('film'), /ENDLIST/),
    /MAP:URI="1\.mp4"[\s\S]*\n1-1\.m4s/,
    'other codecs begin another playlist'
  )
  t.same([...new Set(streamsOf(segments('film')))], ['hevc,160,120', 'aac'])

  await publish('av1', capturedMedia('ffmpeg8-publish-av1-opus'))
  await program.says(/segmented av1/)
  t.match(await fetched(list('av1'), /av01/), 'CODECS="av01.0.00M.08,Opus",RESOLUTION=160x120')
  t.same([...new Set(streamsOf(segments('av1')))], ['av1,160,120', 'opus'])

  await publish(
    'old',
    stream(3).map(each => (each.type === 9 ? { ...each, payload: Buffer.alloc(100, 0x12) } : each))
  )
  await program.says(/old: HLS carries no Sorenson H.263/)
  t.equal((await fetch(`${httpOf(url)}/film/..%2f..%2fetc/passwd`)).status, 404)
  const evil = publishers.ffmpeg(t, demo, `${url}/live/..`)
  t.not((await evil.ends()).code, 0)
  t.match(evil.said, /only letters/)
})

t.test('adts: the sound of a stream, frame for frame', { ...options }, async t => {
  const program = example(t, 'adts', '0')
  const url = await urlOf(program)
  const publisher = publishers.ffmpeg(t, demo, `${url}/live/film`)
  const sound = `${httpOf(url)}/live/film.aac`
  await thereIs(sound)
  const listener = new Program(t, 'ffmpeg', [
    '-v',
    'error',
    '-i',
    sound,
    '-c',
    'copy',
    '-bsf:a',
    'aac_adtstoasc',
    ...md5
  ])
  t.equal((await publisher.ends()).code, 0)
  const got = hashes(packetLines((await listener.ends()).out), 0)
  t.ok(got.length > 100)
  t.same(got, hashes(packets(demo), 1).slice(-got.length))
  t.match(listener.said, '#sample_rate 0: 44100')
  t.equal((await fetch(`${httpOf(url)}/live/other.aac`)).status, 404)
})

const md5 = ['-f', 'framemd5', '-']
const hashes = (lines: readonly string[], track: number) =>
  lines.filter(line => line.startsWith(`${track},`)).map(line => line.split(',')[5])

t.test('thumbnails: a JPEG of the newest keyframe', { ...options }, async t => {
  const program = example(t, 'thumbnails', '0')
  const url = await urlOf(program)
  const picture = `${httpOf(url)}/live/film.jpg`
  t.equal((await fetch(picture)).status, 404)
  publishers.ffmpeg(t, demo, `${url}/live/film`, '-stream_loop', '-1')
  await thereIs(picture)
  const bytes = await Promise.all([1, 2].map(async () => Buffer.from(await (await fetch(picture)).arrayBuffer())))
  t.ok(bytes[0]!.equals(bytes[1]!), 'kept for five seconds')
  const file = join(folder(t), 'film.jpg')
  writeFileSync(file, bytes[0]!)
  t.same(streamsOf(file), ['mjpeg,320,180'])
})

t.test('switcher: from keyframe to keyframe, on one timeline', { ...options }, async t => {
  const other = film(join(folder(t), 'other.flv'), { seconds: 30 })
  const program = example(t, 'switcher', '0')
  const url = await urlOf(program)
  const player = players.ffmpeg(t, `${url}/out`)
  const one = publishers.ffmpeg(t, demo, `${url}/in/one`, '-stream_loop', '-1')
  await program.says(/show in\/one/)
  const two = publishers.ffmpeg(t, other, `${url}/in/two`)
  await player.program.says(/\n0,/, 30)
  const post = (path: string) => fetch(`${httpOf(url)}/${path}`, { method: 'POST' })
  t.equal((await post('in/three')).status, 404)
  while ((await post('in/two')).status !== 200) await new Promise(resolve => setTimeout(resolve, 20))
  await player.program.says(/\n0,/, player.program.said.split('\n0,').length + 30)
  two.kill()
  await program.says(/show in\/one/, 2)
  await player.program.says(/\n0,/, player.program.said.split('\n0,').length + 30)
  one.kill()
  const got = await player.packets()
  const of = [hashes(packets(demo), 0), hashes(packets(other), 0)]
  const shown = hashes(got, 0).map(hash => of.findIndex(hashes => hashes.includes(hash)))
  t.match(shown.join(''), /^0+1+0+$/)
  const video = steps(times(got, 0))
  t.ok(Math.min(...video) > 0)
  t.ok(Math.max(...video) <= 80, `a step of ${Math.max(...video)} ms`)
})

t.test('blackout: picture and sound are replaced while it is on', { ...options }, async t => {
  const home = folder(t)
  const slate = join(home, 'slate.flv')
  const inputs = ['-f', 'lavfi', '-i', 'color=black:s=320x180', '-f', 'lavfi', '-i', 'anullsrc=cl=mono']
  execFileSync('ffmpeg', ['-v', 'error', ...inputs, '-t', '1', '-c:v', 'libx264', '-bf', '0', '-c:a', 'aac', slate])
  const program = example(t, 'blackout', slate, '0')
  const url = await urlOf(program)
  publishers.ffmpeg(t, demo, `${url}/live/film`, '-stream_loop', '-1')
  const session = await connect(`${url}/live`)
  const post = (path: string) => fetch(`${httpOf(url)}/${path}`, { method: 'POST' })
  const got: Message[] = []
  const frames: number[] = []
  for await (const message of await session.play('film')) {
    got.push(message)
    if (!isVideo(message)) continue
    frames.push(message.payload.length)
    if (frames.length === 20) await post('on')
    if (frames.length === 80) await post('off')
    if (frames.length > 100 && isKeyframe(message) && frames.at(-1) !== frames.at(-2)) break
  }
  await session.close()
  const copy = join(home, 'copy.flv')
  const writer = new FlvWriter()
  writeFileSync(copy, Buffer.concat(got.flatMap(message => writer.write(message))))
  const seen = ['-vf', 'blackdetect=d=0.5', '-af', 'silencedetect=d=0.5', '-f', 'null', '-']
  const { stderr } = spawnSync('ffmpeg', ['-hide_banner', '-i', copy, ...seen], { encoding: 'utf8' })
  t.match(stderr, /black_start/)
  t.match(stderr, /silence_end/)
  t.notMatch(stderr, /[Ee]rror|Invalid/)
})

t.test(
  'rtws: Chromium publishes a canvas by RTWebSocket and plays it, and what FFmpeg publishes by RTMP',
  {
    skip: without('chromium', 'ffmpeg'),
    buffered: true
  },
  async t => {
    const url = await urlOf(example(t, 'rtws', '0'))
    const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })
    t.teardown(() => browser.close())
    const open = async (name: string) => {
      const page = await browser.newPage()
      page.on('pageerror', error => t.fail(error.message))
      await page.goto(`${url.replace('rtmp:', 'http:')}/#${name}`)
      return page
    }
    const shows = (frames: number) => `document.querySelector('#played').dataset.frames > ${frames}`
    const own = await open('canvas')
    await own.click('#publish')
    const other = await open('canvas')
    await other.click('#play')
    await other.waitForFunction(shows(50), undefined, { timeout: 0 })
    const [red, green, blue] = await other.evaluate<number[]>(
      "[...document.querySelector('#played').getContext('2d').getImageData(10, 10, 1, 1).data]"
    )
    t.ok(green! > 100 && red! < 60 && blue! < 60, `${red} ${green} ${blue}`)
    const session = await connect(`${url}/live`)
    const playing = await session.play('canvas')
    const [header, keyframe] = await playing.filter(isVideo).take(2).toArray()
    t.same([header?.payload[1], keyframe?.payload[0]], [0, 0x17], 'a player of RTMP has it too')
    session.destroy()

    const film = await open('film')
    await film.click('#play')
    publishers.ffmpeg(t, demo, `${url}/live/film`)
    await film.waitForFunction(shows(20), undefined, { timeout: 0 })
  }
)
