// The page of `rtmpipe serve`: what the server says (feed.js) becomes what one sees.

import { Charts } from './charts.js'
import { facts } from './detail.js'
import { byId, h, morph } from './dom.js'
import { feed, token } from './feed.js'
import { History } from './history.js'
import { Player } from './player.js'
import { hearCopies, howToPublish } from './publish.js'
import { row } from './streams.js'
import { bitrate, shown, uptime, whole } from './units.js'
import { wiring } from './wiring.js'

/** @import { ServerReport, StreamReport } from '../../api/types.ts' */

/** Milliseconds that a stream which has ended stays in the list, unless it is looked at. */
const GONE_MS = 60_000
/** Lines of the log that are kept. */
const LOG = 50

/** @type {Map<string, History>} */
const streams = new Map()
/** @type {ServerReport | undefined} */
let server
/** performance.now() when it said so */
let serverAt = 0
/** @type {string | undefined} the stream that is looked at */
let selected
/** @type {string | undefined} the stream whose row has been brought into view */
let inView
/** @type {string | undefined} the stream that is looked at while the address names none */
let first
let isWhole = false
/** @type {HTMLElement[]} */
const lines = []

const video = /** @type {HTMLVideoElement} */ (byId('video'))
const player = new Player(video, render)
const charts = new Charts(byId('charts'))
hearCopies(render)

const { retry } = feed({
  server(report) {
    server = report
    serverAt = performance.now()
    byId('ways').hidden = !report.wsFlv
  },
  streams: hearStreams,
  log: hearLog,
  connected() {
    byId('token').hidden = true
    byId('link').hidden = true
    document.body.classList.remove('stale')
  },
  lost() {
    if (byId('link').hidden)
      byId('link').replaceChildren(
        `The server has not answered since ${new Date().toTimeString().slice(0, 8)}. Trying again. `,
        h('button', { type: 'button', 'data-do': 'retry' }, 'Try now')
      )
    byId('link').hidden = false
    document.body.classList.add('stale')
  },
  denied(message, needsToken) {
    byId('link').hidden = needsToken
    byId('link').replaceChildren(`The server refuses: ${message}`)
    byId('token').hidden = !needsToken
    byId('token-says').textContent =
      token.get() === '' ? 'This server was started with --api-token.' : 'The server does not accept this token.'
    byId('token-text').focus()
  }
})

/** @param {readonly StreamReport[]} reports */
function hearStreams(reports) {
  for (const report of reports) {
    const history = streams.get(report.path)
    if (history) history.add(report, report.path === selected ? player.bufferMs : null)
    else streams.set(report.path, new History(report))
  }
  const there = new Set(reports.map(({ path }) => path))
  for (const [path, history] of streams) {
    if (!there.has(path)) history.end()
    if (path !== selected && history.endedMs > GONE_MS) streams.delete(path)
  }
  select()
  render()
}

/** Looks at the stream that the address names, else at the first. */
function select() {
  first ??= sorted().find(each => streams.get(each)?.state === 'live') ?? sorted()[0]
  const path = named() ?? first
  if (path === undefined || path === selected) return
  selected = path
  let history = streams.get(path)
  if (history === undefined) {
    history = new History(nothing(path))
    history.end()
    streams.set(path, history)
  }
  player.open(path, history)
}

const { compare } = new Intl.Collator(undefined, { numeric: true })
const sorted = () => [...streams.keys()].sort(compare)

/** @returns {string | undefined} the stream that the address names */
function named() {
  if (!location.hash.startsWith('#/')) return undefined
  try {
    return decodeURIComponent(location.hash.slice(2)) || undefined
  } catch {
    return undefined
  }
}

/**
 * A stream that is not there.
 * @param {string} path
 * @returns {StreamReport}
 */
const nothing = path => ({
  path,
  isPublished: false,
  publisher: null,
  publishedMs: 0,
  uptimeMs: 0,
  video: null,
  audio: null,
  bytesIn: 0,
  messagesIn: 0,
  bytesOut: 0,
  messagesOut: 0,
  drops: { input: 0, lag: 0, overflow: 0, keyframe: 0 },
  ring: { bytes: 0, messages: 0, ms: 0, maxBytes: 0, maxMs: 0 },
  repairs: 0,
  readers: [],
  readerCount: 0
})

function render() {
  if (server === undefined) return
  renderHead(server)
  byId('streams').hidden = streams.size === 0
  morph(
    byId('rows'),
    sorted().map(path => row(path, /** @type {History} */ (streams.get(path)), path === selected))
  )
  if (selected !== inView) bringIntoView()
  const history = selected === undefined ? undefined : streams.get(selected)
  byId('detail').hidden = history === undefined
  if (selected !== undefined && history !== undefined) renderDetail(selected, history, server)
  byId('publish').hidden = false
  morph(byId('publish-how'), howToPublish(server, streams.size === 0))
}

/** Scrolls the list, and not the page, to the row of what is looked at. */
function bringIntoView() {
  const list = byId('rows').closest('.rows')
  const row = byId('rows').querySelector('.selected')
  if (!list || !row) return
  inView = selected
  const [outer, inner] = [list.getBoundingClientRect(), row.getBoundingClientRect()]
  // not below the heads of the columns, which stay
  const top = outer.top + inner.height
  if (inner.top < top) list.scrollTop -= top - inner.top
  else if (inner.bottom > outer.bottom) list.scrollTop += inner.bottom - outer.bottom
}

/** @param {ServerReport} report */
function renderHead({ version, uptimeMs }) {
  const all = [...streams.values()].filter(({ state }) => state === 'live' || state === 'stalled')
  const sum = (/** @type {(history: History) => number | null} */ of) =>
    all.reduce((total, history) => total + (of(history) ?? 0), 0)
  byId('version').textContent = version
  /** @type {[string, string][]} */
  const totals = [
    ['streams', whole(all.length)],
    ['readers', whole(sum(({ report }) => report.readerCount))],
    ['in', bitrate(sum(({ rate }) => rate.bitsIn))],
    ['out', bitrate(sum(({ rate }) => rate.bitsOut))],
    ['up', uptime(uptimeMs + performance.now() - serverAt)]
  ]
  morph(
    byId('totals'),
    totals.map(([term, value]) => h('div', { class: term }, h('dt', {}, term), h('dd', {}, value)))
  )
}

/**
 * @param {string} path
 * @param {History} history
 * @param {ServerReport} report
 */
function renderDetail(path, history, report) {
  document.title = `${shown(path)} · rtmpipe`
  morph(byId('detail-title'), [h('bdi', {}, shown(path))])
  morph(byId('facts'), facts(history, report))
  renderPlayer(history)
  charts.show(history)
  const width = Math.floor(byId('wiring').clientWidth)
  if (width > 0) morph(byId('wiring'), wiring(history, width, isWhole))
}

/** @param {History} history */
function renderPlayer({ report }) {
  const says = byId('screen-says')
  if (says.textContent !== player.says) says.textContent = player.says
  const isSilentPicture = player.look === 'playing' && report.video === null
  video.parentElement?.setAttribute('data-look', isSilentPicture ? 'sound' : player.look)
  byId('playing').textContent = player.numbers
  byId('pause').textContent = player.isIdle ? 'Play' : 'Pause'
  byId('mute').textContent = video.muted ? 'Sound on' : 'Sound off'
}

/** @param {Record<string, unknown>} line */
function hearLog({ time, event, ...fields }) {
  const told = Object.entries(fields).map(([name, value]) => `${name} ${value}`)
  lines.unshift(
    h('li', {}, h('time', {}, new Date(`${time}`).toTimeString().slice(0, 8)), ` ${event} `, shown(told.join(' ')))
  )
  lines.length = Math.min(lines.length, LOG)
  byId('log').hidden = false
  byId('log-lines').replaceChildren(...lines)
}

addEventListener('hashchange', () => {
  isWhole = false
  select()
  render()
  // whoever has chosen a stream goes on there: by key, and on a small screen
  const title = byId('detail-title')
  title.tabIndex = -1
  title.focus({ preventScroll: true })
  if (byId('detail').getBoundingClientRect().top > innerHeight * 0.6) byId('detail').scrollIntoView()
})
addEventListener('resize', render)

document.addEventListener('click', ({ target }) => {
  const button = target instanceof Element ? target.closest('[data-do]') : null
  if (button?.getAttribute('data-do') === 'retry') retry()
  if (button?.getAttribute('data-do') === 'whole') {
    isWhole = !isWhole
    render()
  }
})
byId('pause').addEventListener('click', () => player.toggle())
byId('mute').addEventListener('click', () => {
  video.muted = !video.muted
  render()
})
byId('full').addEventListener('click', () => void video.requestFullscreen())
byId('ways').addEventListener('change', ({ target }) => {
  if (target instanceof HTMLInputElement) player.over(target.value === 'ws' ? 'ws' : 'http')
})
byId('token').addEventListener('submit', event => {
  event.preventDefault()
  token.set(/** @type {HTMLInputElement} */ (byId('token-text')).value)
  retry()
})
