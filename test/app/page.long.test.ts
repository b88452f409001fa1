import { readFileSync } from 'node:fs'
import http from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type Browser, chromium, type Page } from 'playwright-core'
import { connect, isAudio, type Message } from 'rtmpipe'
import t from 'tap'
import { loop } from '../../lib/app/demo.ts'
import { page as pageHandler } from '../../lib/app/http/page.ts'
import { capturedMedia } from '../support/captures.ts'
import { film, folder } from '../support/films.ts'
import { audio, video } from '../support/media.ts'
import { Program, without } from '../support/programs.ts'

type Scope = { teardown(end: () => unknown): unknown }

const cli = fileURLToPath(new URL('../../lib/app/cli.js', import.meta.url))

/** A server, and the addresses it says it has. */
async function serve(t: Scope, ...args: string[]): Promise<{ program: Program; site: string; url: string }> {
  const ports = ['--port', '0', ...(args.includes('--http-port') ? [] : ['--http-port', '0'])]
  const program = new Program(t, process.execPath, [cli, 'serve', ...ports, ...args])
  const [, site] = await program.says(/listening (http:\/\/127\.0\.0\.1:\d+\/)/)
  const [, url] = await program.says(/listening (rtmp:\/\/127\.0\.0\.1:\d+)/)
  return { program, site: site!, url: url! }
}

/** A module of the page, by name. */
const module = (name: string) => import(new URL(`../../lib/app/page/${name}.js`, import.meta.url).href)

t.test('its files are read once, and nothing else is', async t => {
  const passed: string[] = []
  const handler = pageHandler()
  const server = http.createServer((request, response) =>
    handler(request, response, () => {
      passed.push(request.url!)
      response.writeHead(404).end()
    })
  )
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const ask = (path: string, options: http.RequestOptions = {}) =>
    new Promise<http.IncomingMessage & { body: string }>((resolve, reject) => {
      const request = http.request({ port, path, agent: false, ...options }, response => {
        let body = ''
        response.setEncoding('utf8').on('data', text => {
          body += text
        })
        response.on('end', () => resolve(Object.assign(response, { body })))
      })
      request.on('error', reject).end()
    })

  const types: [string, string][] = [
    ['/', 'text/html; charset=utf-8'],
    ['/?x', 'text/html; charset=utf-8'],
    ['/page.css', 'text/css; charset=utf-8'],
    ['/page.js', 'text/javascript; charset=utf-8'],
    ['/mpegts.js', 'text/javascript; charset=utf-8'],
    ['/uPlot.js', 'text/javascript; charset=utf-8'],
    ['/favicon.svg', 'image/svg+xml'],
    ['/mpegts.js.LICENSE', 'text/plain; charset=utf-8'],
    ['/uPlot.LICENSE', 'text/plain; charset=utf-8']
  ]
  for (const [path, type] of types) {
    const { statusCode, headers, body } = await ask(path)
    t.equal(statusCode, 200, path)
    t.equal(headers['content-type'], type)
    t.equal(headers['x-content-type-options'], 'nosniff')
    t.match(headers['content-security-policy'], /^default-src 'none'; script-src 'self'; /)
    t.notMatch(body, /sourceMappingURL/)
    const again = await ask(path, { headers: { 'If-None-Match': headers.etag! } })
    t.same([again.statusCode, again.body], [304, ''], 'it is sent once')
    const head = await ask(path, { method: 'HEAD' })
    t.same([head.statusCode, head.headers['content-length'], head.body], [200, `${Buffer.byteLength(body)}`, ''])
  }
  t.equal((await ask('/page.js', { method: 'POST' })).statusCode, 405)
  t.same(passed, [])
  for (const path of ['/page', '/tsconfig.json', '/../http/page.js', '/..%2fhttp/page.js', '//page.js', '/index.html'])
    t.equal((await ask(path)).statusCode, 404, path)
})

t.test('numbers have units and three digits, and names are safe to show', async t => {
  const { bitrate, size, span, uptime, whole, shown } = await module('units')
  t.same([0, 999, 1000, 12_345, 999_999, 2_650_000].map(bitrate), [
    '0 bit/s',
    '999 bit/s',
    '1.00 kbit/s',
    '12.3 kbit/s',
    '1.00 Mbit/s',
    '2.65 Mbit/s'
  ])
  t.equal(bitrate(null), '–')
  t.same([0, 1500, 16_777_216].map(size), ['0 B', '1.50 kB', '16.8 MB'])
  t.same([40, 2000, 75_000, 300_000].map(span), ['40 ms', '2.00 s', '75.0 s', '300 s'])
  t.same([0, 3_723_000, 273_900_000].map(uptime), ['0:00:00', '1:02:03', '3 d 04:05'])
  t.equal(whole(1_234_567), '1\u2009234\u2009567')
  t.equal(shown('a\u202eb\u0000c\u200b\ud83d\ude00'), 'a\\u202eb\\u0000c\\u200b\ud83d\ude00')
})

t.test('video by its familiar name, its size, and HDR', async t => {
  const { videoOf } = await module('streams')
  const video = { codec: 'HEVC', width: 3840, height: 2160, hdr: 'PQ' }
  t.equal(videoOf({ video }), 'H.265 3840×2160 HDR (PQ)')
  t.equal(videoOf({ video: { ...video, codec: 'AV1', hdr: null } }), 'AV1 3840×2160')
  t.equal(videoOf({ video: { ...video, width: null, hdr: null } }), 'H.265')
  t.equal(videoOf({ video: null }), null)
})

t.test('rates are differences of totals; who is silent has stalled, and who is far behind is slow', async t => {
  const { History } = await module('history')
  const reader = (lagMs: number, lag = 0) => ({
    id: '1',
    lagMs,
    maxLagMs: 3000,
    bytesOut: 0,
    drops: { lag, overflow: 0, keyframe: 0 }
  })
  const report = (seconds: number, { frames = seconds * 25, readers = [reader(0)], isPublished = true } = {}) => ({
    path: 'live/film',
    isPublished,
    uptimeMs: seconds * 1000,
    bytesIn: frames * 1000,
    messagesIn: frames,
    bytesOut: 0,
    video: { codec: 'AVC', frames },
    drops: { input: 0, lag: readers[0]!.drops.lag, overflow: 0, keyframe: 0 },
    readers
  })
  const history = new History(report(0))
  for (const second of [1, 2, 3]) history.add(report(second), 500)
  t.equal(history.state, 'live')
  t.match(history.rate, { bitsIn: 200_000, frames: 25, drops: 0 })
  t.match(
    history.samples,
    [1, 2, 3].map(() => ({ bitsIn: 200_000, frames: 25, lagMs: 0, bufferMs: 500 }))
  )

  history.add(report(3.1, { frames: 78 }), 500)
  t.equal(history.samples.length, 3, 'a moment makes no rate')
  history.add(report(5, { frames: 78 }), null)
  t.equal(history.state, 'live')
  history.add(report(6, { frames: 78 }), null)
  t.equal(history.state, 'stalled')
  history.add(report(7, { isPublished: false }), null)
  t.equal(history.state, 'waiting')
  history.end()
  t.equal(history.state, 'ended')
  t.same(history.report.readers, [])

  history.add(report(8, { readers: [reader(900)] }), null)
  t.equal(history.isSlow(history.report.readers[0]), false)
  history.add(report(9, { readers: [reader(1100)] }), null)
  t.equal(history.isSlow(history.report.readers[0]), true, 'by more than a third')
  history.add(report(10, { readers: [reader(0, 7)] }), null)
  t.match(history.samples.at(-1), { drops: 7 })
  history.add(report(19, { readers: [reader(0, 7)] }), null)
  t.equal(history.isSlow(history.report.readers[0]), true, 'it has missed something')
  history.add(report(20, { readers: [reader(0, 7)] }), null)
  t.equal(history.isSlow(history.report.readers[0]), false)

  history.add(report(1), null)
  t.match(history.samples.at(-1), { bitsIn: null }, 'another stream of this name begins anew')
})

/** Chromium of Debian asks its maker for nothing with these. */
const quiet =
  '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync --autoplay-policy=no-user-gesture-required'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What the picture does, as the browser tells. */
const moves = (after = 0) => `document.querySelector('video').currentTime > ${after}
  && document.querySelector('video').getVideoPlaybackQuality().totalVideoFrames > 0
  && document.querySelector('.screen').dataset.look === 'playing'`

t.test('in a browser', { skip: without('chromium', 'ffmpeg') }, async t => {
  const browser: Browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: quiet.split(' ') })
  t.teardown(() => browser.close())
  const source = film(join(folder(t), 'film.flv'), { seconds: 4, size: '640x360' })
  const publishes = (t: Scope, to: string, ...args: string[]) =>
    new Program(t, 'ffmpeg', [
      '-v',
      'error',
      '-re',
      '-stream_loop',
      '-1',
      '-i',
      source,
      '-c',
      'copy',
      ...args,
      '-f',
      'flv',
      to
    ])

  /** A page that complains of nothing and asks nobody else, as it says at the end. */
  async function opens(t: Scope, site: string, { width = 1280, isTold = false } = {}) {
    const context = await browser.newContext({ viewport: { width, height: 900 } })
    t.teardown(() => context.close())
    const page = await context.newPage()
    page.setDefaultTimeout(0)
    const complaints: string[] = []
    page.on('pageerror', error => complaints.push(error.message))
    page.on('dialog', dialog => complaints.push(`dialog ${dialog.message()}`))
    page.on('console', message => {
      if (!isTold || !/Failed to load resource/.test(message.text()))
        complaints.push(`${message.type()} ${message.text()}`)
    })
    page.on('request', request => {
      if (!request.url().startsWith(site) && !request.url().startsWith('blob:')) complaints.push(request.url())
    })
    await page.goto(site)
    const row = (path: string) =>
      page.locator('tbody tr').filter({ has: page.getByRole('link', { name: path, exact: true }) })
    // waitForFunction would eval, which the policy of the page forbids
    const sees = async (script: string) => {
      while (!(await page.evaluate(script))) await sleep(50)
    }
    const looks = (look: string) => sees(`document.querySelector('.screen').dataset.look === '${look}'`)
    return { page, complaints, row, sees, looks }
  }

  /** What axe finds that is serious, in light and in dark. */
  async function barriers(page: Page): Promise<unknown[]> {
    const found: unknown[] = []
    await page.evaluate(axe)
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      const violations = await page.evaluate<{ id: string; impact: string; nodes: { html: string }[] }[]>(
        'axe.run().then(({ violations }) => violations)'
      )
      for (const { id, impact, nodes } of violations)
        if (impact === 'serious' || impact === 'critical')
          found.push([colorScheme, id, ...nodes.map(({ html }) => html)])
    }
    return found
  }

  /** What the Tab key reaches, and what it should. */
  async function reaches(page: Page): Promise<{ missed: unknown[]; count: number }> {
    await page.evaluate(`document.activeElement.blur()`)
    const count = await page.evaluate<number>(`{
      const all = [...document.querySelectorAll('a[href], button, input, summary, [tabindex="0"]')]
      window.wanted = new Set(all.filter(each => each.checkVisibility() && !(each.type === 'radio' && !each.checked)))
      wanted.size
    }`)
    for (let press = 0; press < count + 3; press++) {
      await page.keyboard.press('Tab')
      await page.evaluate('void wanted.delete(document.activeElement)')
    }
    return { count, missed: await page.evaluate<unknown[]>('[...wanted].map(({ outerHTML }) => outerHTML)') }
  }

  await t.test('the demo plays at once, and can be used by keyboard and by ear', async t => {
    const { site } = await serve(t, '--demo')
    const { page, complaints, row, sees } = await opens(t, site)
    await sees(moves(1))
    await row('live/demo').getByRole('cell', { name: 'H.264 320×180 · AAC' }).waitFor()
    t.match(await row('live/demo').textContent(), /live[\s\S]*kbit\/s[\s\S]*fps[\s\S]*this server/)
    await page.getByText('HTTP-FLV 127.0.0.1:').first().waitFor()
    t.same(await barriers(page), [])
    const { count, missed } = await reaches(page)
    t.same(missed, [])
    t.ok(count > 15, `${count} elements`)
    await page.getByRole('button', { name: 'Pause' }).press('Enter')
    await page.getByText('Paused').waitFor()
    await page.getByRole('button', { name: 'Play', exact: true }).press('Enter')
    await sees(moves())
    await page.setViewportSize({ width: 390, height: 844 })
    t.equal(await page.evaluate('document.documentElement.scrollWidth'), 390, 'no sideways scroll')
    t.same(await barriers(page), [])
    t.same((await reaches(page)).missed, [])
    t.same(complaints, [])
  })

  await t.test('the empty page says what to type, and shows a stream that is published', async t => {
    const { site, url } = await serve(t, '--hold-ms', '500')
    const { page, complaints, row, sees, looks } = await opens(t, site)
    await page.getByText('No stream yet.').waitFor()
    await page.getByText(`${url}/live`, { exact: true }).first().waitFor()
    await page.getByText(`ffmpeg -re -i FILE -c copy -f flv ${url}/live/film`).waitFor()
    t.same(await barriers(page), [])
    t.same((await reaches(page)).missed, [])

    const ffmpeg = publishes(t, `${url}/live/film`)
    await sees(moves(1))
    t.match(await row('live/film').textContent(), /H\.264 640×360 · AAC/)
    t.match(await row('live/film').textContent(), /rtmp 127\.0\.0\.1:\d+/)

    const socket = page.waitForEvent('websocket')
    await page.getByLabel('WebSocket').check()
    t.equal((await socket).url(), `${site.replace('http', 'ws')}live/film.flv`)
    await sees(moves(1))
    await page.getByText('WS-FLV 127.0.0.1:').first().waitFor()

    ffmpeg.kill('SIGSTOP')
    await row('live/film').getByRole('cell', { name: 'stalled' }).waitFor()
    await looks('stalled')
    await page.getByText('Stalled: the publisher sends nothing').waitFor()
    ffmpeg.kill('SIGCONT')
    await sees(moves())
    await row('live/film').getByRole('cell', { name: 'live', exact: true }).waitFor()

    ffmpeg.kill('SIGKILL')
    await row('live/film').getByRole('cell', { name: 'ended' }).waitFor()
    await page.getByText('Ended. It plays again when somebody publishes it').waitFor()
    publishes(t, `${url}/live/film`)
    await sees(moves())
    t.same(complaints, [])
  })

  await t.test('a name is text, whatever it holds, and sound needs no picture', async t => {
    const { site, url } = await serve(t)
    const { page, complaints, row, sees } = await opens(t, site)
    const names = ['<img src=x onerror=alert(1)>', `long${'-and-longer'.repeat(12)}`, 'a\u202eb', '"\'&amp;']
    await using session = await connect(`${url}/live`)
    session.on('error', () => {})
    for (const name of names) (await session.publish(name)).write(audio.frame(0))
    for (const name of names) await row(`live/${name.replace('\u202e', '\\u202e')}`).waitFor()
    t.equal(await page.evaluate('document.images.length'), 0)

    const odd = 'ü/☃ 100% #1'
    loop(pathToFileURL(source), await session.publish(odd)).catch(() => {})
    await row(`live/${odd}`).getByRole('link').click()
    await sees(moves(1))
    await page.reload()
    await sees(moves(1))

    const old = await session.publish('old')
    // H.263 of 2003
    for (let at = 0; at < 10; at++) old.write({ ...video.keyframe(at), payload: Buffer.alloc(100, 0x12) })
    await row('live/old').getByRole('link').click()
    await page.getByText('the player of this page does not know Sorenson H.263').waitFor()

    const hevc = await session.publish('hevc')
    for (const each of capturedMedia('ffmpeg8-publish-hevc-aac').slice(0, 40)) hevc.write(each)
    await row('live/hevc').getByRole('cell', { name: 'H.265 160×120 · AAC' }).waitFor()
    await row('live/hevc').getByRole('link').click()
    await page.getByText('It cannot be played here: this browser does not play H.265').waitFor()

    // AC-3 instead of AAC
    const sound = Buffer.from('\x91ac-3\x0b\x77\xce\x5e\x40\xeb\xf8', 'latin1')
    const changed = new Transform({
      objectMode: true,
      transform: (each: Message, _, done) => done(null, isAudio(each) ? { ...each, payload: sound } : each)
    })
    pipeline(changed, await session.publish('quiet')).catch(() => {})
    loop(pathToFileURL(source), changed).catch(() => {})
    await row('live/quiet').getByRole('link').click()
    await sees(moves(1))
    await page.getByText('no sound: the player of this page does not know AC-3').waitFor()

    publishes(t, `${url}/live/sound`, '-vn')
    await row('live/sound').getByRole('link').click()
    await sees(
      `document.querySelector('video').currentTime > 1 && document.querySelector('.screen').dataset.look === 'sound'`
    )
    await page.setViewportSize({ width: 390, height: 844 })
    t.equal(await page.evaluate('document.documentElement.scrollWidth'), 390)
    t.same(await barriers(page), [])
    t.same(complaints, [])
  })

  await t.test('a server that has a token asks for it, and one that goes away is missed', async t => {
    const { program, site } = await serve(t, '--demo', '--api-token', 's3cret')
    const { page, complaints, sees, looks } = await opens(t, site, { isTold: true })
    const field = page.getByLabel('Token')
    await field.waitFor()
    t.same(await barriers(page), [])
    await field.fill('wrong')
    await field.press('Enter')
    await page.getByText('does not accept this token').waitFor()
    await field.fill('s3cret')
    await field.press('Enter')
    await sees(moves())
    t.notMatch(page.url(), 's3cret')

    program.kill('SIGKILL')
    await page.getByText('The server has not answered since').waitFor()
    await looks('reconnecting')
    t.same(await barriers(page), [])
    await serve(t, '--demo', '--api-token', 's3cret', '--http-port', new URL(site).port)
    await page.getByText('The server has not answered since').waitFor({ state: 'hidden' })
    await sees(moves())
    t.same(complaints, [])
  })
})
