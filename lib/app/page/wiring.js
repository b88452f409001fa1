// How a stream runs: its publisher, the ring, and everybody who reads it. Each edge is a pipe that fills as its reader
// falls behind, so that the slow one is seen: by its length, its hatching and its word, and by colour too.

import { h } from './dom.js'
import { narrow, wide } from './drawing.js'
import { lostBy } from './history.js'
import { publisherOf } from './streams.js'
import { bitrate, count, shown, size, span } from './units.js'

/** @import { ReaderReport } from '../../api/types.ts' */
/** @import { History } from './history.js' */

/** @type {Record<ReaderReport['kind'], string>} */
const KINDS = {
  rtmp: 'RTMP',
  'http-flv': 'HTTP-FLV',
  'ws-flv': 'WS-FLV',
  recording: 'recording',
  relay: 'relay',
  other: 'reader'
}
/** Readers that are drawn one by one, before the others are drawn as one. */
const FEW = 12
/** Below this width readers are drawn under the ring, not beside it. */
const WIDE = 900

/**
 * @typedef {object} Edge one reader, or those that are drawn as one
 * @property {string} key
 * @property {string} name
 * @property {string} to
 * @property {string} rate
 * @property {number} lagMs
 * @property {number} fill 0..1 of what it may be behind
 * @property {number} waiting bytes
 * @property {number} lost messages
 * @property {boolean} isSlow
 */

/**
 * @typedef {object} Plan what is drawn
 * @property {{ name: string, agent: string, flow: string, lost: number, isFlowing: boolean }} source
 * @property {{ fill: number, holds: string, of: string }} ring
 * @property {readonly Edge[]} edges
 */

/**
 * The drawing, and the same in words.
 * @param {History} history
 * @param {number} width pixels there are
 * @param {boolean} isWhole draws every reader
 */
export function wiring(history, width, isWhole) {
  const plan = { source: sourceOf(history), ring: ringOf(history), edges: edgesOf(history, isWhole) }
  const { length } = history.report.readers
  const more = isWhole ? 'Draw fewer' : `Draw ${length} readers`
  return [
    width >= WIDE ? wide(plan, width) : narrow(plan, width),
    h(
      'ul',
      { class: 'spoken' },
      inWords(plan).map(text => h('li', {}, text))
    ),
    length > FEW && h('button', { type: 'button', 'data-do': 'whole', 'aria-pressed': `${isWhole}` }, more)
  ].filter(each => each !== false)
}

/**
 * @param {History} history
 * @param {boolean} isWhole
 * @returns {Edge[]}
 */
function edgesOf(history, isWhole) {
  const { readers, readerCount, ring } = history.report
  const all = readers.map(reader => ({ reader, isSlow: history.isSlow(reader) }))
  // the slow ones first, then those that no viewer watches, then as they came
  const rank = (/** @type {typeof all[number]} */ { reader, isSlow }) =>
    isSlow ? 0 : reader.kind === 'recording' || reader.kind === 'relay' ? 1 : 2
  all.sort((one, other) => rank(one) - rank(other) || other.reader.sinceMs - one.reader.sinceMs)
  const fillOf = (/** @type {ReaderReport} */ { lagMs, maxLagMs }) => Math.min(1, lagMs / (maxLagMs || ring.maxMs || 1))
  const single = isWhole || all.length <= FEW ? all : all.slice(0, FEW - 1)
  const edges = single.map(({ reader, isSlow }) => ({
    key: reader.id,
    name: KINDS[reader.kind],
    to: shown(reader.to),
    rate: bitrate(history.sentTo(reader)),
    lagMs: reader.lagMs,
    fill: fillOf(reader),
    waiting: reader.waitingBytes,
    lost: lostBy(reader),
    isSlow
  }))
  const rest = all.slice(single.length)
  const restCount = readerCount - single.length
  if (restCount > 0) {
    const sum = (/** @type {(reader: ReaderReport) => number} */ of) =>
      rest.reduce((total, { reader }) => total + of(reader), 0)
    const slow = rest.filter(({ isSlow }) => isSlow).length
    edges.push({
      key: 'rest',
      name: `${restCount} more`,
      to: slow > 0 ? `readers, ${slow} of them slow` : 'readers, which keep up',
      rate: bitrate(sum(reader => history.sentTo(reader) ?? 0)),
      lagMs: Math.max(0, ...rest.map(({ reader }) => reader.lagMs)),
      fill: Math.max(0, ...rest.map(({ reader }) => fillOf(reader))),
      waiting: sum(reader => reader.waitingBytes),
      lost: sum(lostBy),
      isSlow: slow > 0
    })
  }
  return edges
}

/**
 * @param {History} history
 * @returns {Plan['source']}
 */
const sourceOf = history => {
  const { report, rate, state } = history
  const isThere = state === 'live' || state === 'stalled'
  return {
    name: isThere ? publisherOf(report) : 'no publisher',
    agent: shown(report.publisher?.agent ?? ''),
    flow:
      state === 'stalled' ? `stalled ${Math.floor(history.silentMs / 1000)} s` : isThere ? bitrate(rate.bitsIn) : '',
    lost: report.drops.input,
    isFlowing: state === 'live'
  }
}

/**
 * @param {History} history
 * @returns {Plan['ring']}
 */
const ringOf = ({ report: { ring } }) => ({
  fill: Math.min(1, Math.max(ring.bytes / (ring.maxBytes || 1), ring.ms / (ring.maxMs || 1))),
  holds: `${span(ring.ms)}, ${size(ring.bytes)}`,
  of: `of ${span(ring.maxMs)}, ${size(ring.maxBytes)}`
})

/** @param {Plan} plan */
function inWords({ source: { name, flow, lost }, ring: { holds, of }, edges }) {
  return [
    `Publisher: ${name}${flow && `, ${flow}`}${lost > 0 ? `, ${count(lost, 'message')} dropped before the first keyframe` : ''}.`,
    `Ring: holds ${holds} ${of}.`,
    ...edges.map(
      ({ name, to, rate, lagMs, waiting, lost, isSlow }) =>
        `${name} ${to}: ${isSlow ? 'slow, ' : ''}${rate}, ${span(lagMs)} behind, ${size(waiting)} queued, ${count(lost, 'message')} dropped.`
    )
  ]
}
