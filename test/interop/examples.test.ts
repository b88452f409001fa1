import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { film, folder, packets } from '../support/films.ts'
import { LiveServer } from '../support/live-server.ts'
import { players, publishers } from '../support/players.ts'
import { example, type Program, without } from '../support/programs.ts'

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
  const publisher = publishers.ffmpeg(t, source, `${url}/live/key-of-ada`)
  await program.says(/publish live\/ada/)
  const byKey = players.ffmpeg(t, `${url}/live/key-of-ada`)
  t.not((await byKey.program.ends()).code, 0, 'nobody plays it by its key')
  const player = players.ffmpeg(t, `${url}/live/ada`)
  t.equal((await publisher.ends()).code, 0)
  t.ok((await player.packets()).length > 10)
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
