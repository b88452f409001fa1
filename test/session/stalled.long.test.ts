import { fileURLToPath } from 'node:url'
import t from 'tap'
import { LiveServer } from '../support/live-server.ts'
import { alive } from '../support/memory.ts'
import { Program } from '../support/programs.ts'

/** Seconds of load. */
const seconds = 15
const load = fileURLToPath(new URL('../support/load.js', import.meta.url))

t.test(`one player that reads nothing beside five good ones, at 20 Mbit/s for ${seconds} s`, async t => {
  const stallMs = 5000
  const server = new LiveServer(t, { limits: { stallMs } })
  const port = new URL(await server.listen()).port
  const before = alive()
  const program = new Program(t, process.execPath, [load, port, `${seconds}`, '20', '5', '1'])
  let most = 0
  const watching = setInterval(() => {
    most = Math.max(most, alive() - before)
  }, 250)
  t.teardown(() => clearInterval(watching))
  await server.happens('publish live/film')
  const { code, out } = await program.ends()
  clearInterval(watching)
  t.equal(code, 0)
  const { sent, got } = JSON.parse(out.toString())
  t.same(got, Array(5).fill(sent), `each of the good ones got all ${sent} frames`)
  const mib = most / 2 ** 20
  t.ok(mib < 24, `${mib.toFixed(1)} MiB more at the most`)
  t.comment(`${mib.toFixed(1)} MiB more at the most`)
  await server.happens('error')
  t.equal(server.events.filter(event => event === 'error ERR_RTMP_STALLED').length, 1, 'the stalled one was ended')
})
