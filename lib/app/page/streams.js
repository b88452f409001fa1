// The list of streams: a row each, with what one compares at a glance.

import { h, spoken, svg } from './dom.js'
import { bitrate, frameRate, NONE, shown, span, uptime, whole } from './units.js'

/** @import { History, State } from './history.js' */
/** @import { StreamReport } from '../../api/types.ts' */

/** @type {Record<State, string>} */
const WORDS = { live: 'live', stalled: 'stalled', waiting: 'no publisher', ended: 'ended' }

/** Samples of the small curve: a minute. */
const TREND = 60

/**
 * Where the page shows a stream.
 * @param {string} path
 */
export const hashOf = path => `#/${path.split('/').map(encodeURIComponent).join('/')}`

/**
 * A sign with a shape of its own, beside its word: colour is never all there is.
 * @param {State} state
 */
export const stateOf = state =>
  h(
    'span',
    { class: `sign ${state}` },
    svg('svg', { viewBox: '0 0 10 10', 'aria-hidden': 'true' }, SIGNS[state]()),
    WORDS[state]
  )

/** @type {Record<State, () => SVGElement>} */
const SIGNS = {
  live: () => svg('circle', { cx: 5, cy: 5, r: 4 }),
  stalled: () => svg('path', { d: 'M5 0.5 9.8 9.5H0.2Z' }),
  waiting: () => svg('circle', { cx: 5, cy: 5, r: 3.5, class: 'hollow' }),
  ended: () => svg('rect', { x: 1.5, y: 1.5, width: 7, height: 7 })
}

/** Codecs that most people know by another name. @type {Record<string, string>} */
const FAMILIAR = { AVC: 'H.264', HEVC: 'H.265' }

/**
 * The name of a codec that most people know.
 * @param {string} codec
 */
export const familiar = codec => FAMILIAR[codec] ?? codec

/** @param {StreamReport} report */
export const videoOf = ({ video }) => {
  if (video === null) return null
  const size = video.width && video.height ? ` ${video.width}×${video.height}` : ''
  return `${familiar(video.codec)}${size}${video.hdr === null ? '' : ` HDR (${video.hdr})`}`
}

/** @param {StreamReport} report */
export const audioOf = ({ audio }) => {
  if (audio === null) return null
  const { codec, sampleRate, channels } = audio
  const rate = sampleRate === null ? '' : ` ${sampleRate / 1000} kHz`
  return `${codec}${rate}${channels === null ? '' : (['', ' mono', ' stereo'][channels] ?? ` ${channels} ch`)}`
}

/** @param {StreamReport} report */
export const publisherOf = ({ publisher, isPublished }) => {
  if (publisher !== null) return `${publisher.scheme} ${shown(publisher.peer)}`
  return isPublished ? 'this server' : NONE
}

/**
 * @param {string} path
 * @param {History} history
 * @param {boolean} isSelected
 */
export function row(path, history, isSelected) {
  const { report, state, rate } = history
  const { video, readers, readerCount } = report
  const isThere = state === 'live' || state === 'stalled'
  const media = [videoOf(report), report.audio?.codec].filter(Boolean).join(' · ') || NONE
  const slow = readers.filter(reader => history.isSlow(reader)).length
  const cell = (/** @type {string} */ name, /** @type {unknown[]} */ ...content) => h('td', { class: name }, content)
  return h(
    'tr',
    { 'data-key': path, class: isSelected && 'selected' },
    h(
      'th',
      { scope: 'row', class: 'stream' },
      h('a', { href: hashOf(path), 'aria-current': isSelected && 'true' }, h('bdi', {}, shown(path))),
      h('span', { class: 'below' }, h('span', { class: 'mini' }, stateOf(state)), media)
    ),
    cell('state', stateOf(state)),
    cell('media', media),
    cell('trend', trend(history.samples.slice(-TREND).map(({ bitsIn }) => bitsIn))),
    cell('number rate', isThere ? bitrate(rate.bitsIn) : NONE),
    cell('number fps', isThere ? frameRate(rate.frames) : NONE),
    cell('number gop', isThere ? span(video?.keyframeIntervalMs) : NONE),
    cell(
      'number views',
      whole(readerCount),
      slow > 0 && h('span', { class: 'warn' }, ` ▲${slow}`, spoken(`${slow} slow`))
    ),
    cell('publisher', publisherOf(report)),
    cell('number age', state === 'ended' ? `${uptime(history.endedMs)} ago` : uptime(report.publishedMs))
  )
}

/** @param {readonly (number | null)[]} values */
function trend(values) {
  const [width, height] = [80, 18]
  const top = Math.max(1, ...values.map(value => value ?? 0)) * 1.1
  const x = (/** @type {number} */ at) => (width * (at + TREND - values.length)) / (TREND - 1)
  const points = values.flatMap((value, at) =>
    value === null ? [] : [`${x(at).toFixed(1)},${(height - 1 - ((height - 2) * value) / top).toFixed(1)}`]
  )
  return svg(
    'svg',
    { viewBox: `0 0 ${width} ${height}`, width, height, 'aria-hidden': 'true' },
    svg('path', { class: 'base', d: `M0 ${height - 0.5}H${width}` }),
    points.length > 1 && svg('polyline', { points: points.join(' ') })
  )
}
