// What is known of one stream, as a list.

import { h } from './dom.js'
import { dropsOf } from './history.js'
import { copyable, rtmpUrl } from './publish.js'
import { audioOf, publisherOf, stateOf, videoOf } from './streams.js'
import { bitrate, count, frameRate, NONE, shown, size, span, uptime, whole } from './units.js'

/** @import { ServerReport } from '../../api/types.ts' */
/** @import { History } from './history.js' */

/**
 * @param {History} history
 * @param {ServerReport} server
 */
export function facts(history, server) {
  const { report, rate, state } = history
  const { video, publisher, drops, readers, readerCount, path } = report
  const isThere = state === 'live' || state === 'stalled'
  const now = (/** @type {string} */ value) => (isThere ? value : NONE)
  const slow = readers.filter(reader => history.isSlow(reader)).length
  const escaped = path.split('/').map(encodeURIComponent).join('/')
  /** @type {readonly (readonly [string, ...unknown[]])[]} */
  const all = [
    ['State', stateOf(state), state === 'stalled' && ` for ${Math.round(history.silentMs / 1000)} s`],
    ['Video', videoOf(report) ?? 'none'],
    ['Audio', audioOf(report) ?? 'none'],
    ['Frame rate', now(frameRate(rate.frames))],
    ['Keyframes', now(video?.keyframeIntervalMs ? `every ${span(video.keyframeIntervalMs)}` : NONE)],
    ['In', now(bitrate(rate.bitsIn)), h('span', { class: 'dim' }, ` ${size(report.bytesIn)} in all`)],
    ['Out', now(bitrate(rate.bitsOut)), h('span', { class: 'dim' }, ` ${size(report.bytesOut)} in all`)],
    ['Publisher', publisherOf(report), publisher?.agent && h('span', { class: 'dim' }, ` ${shown(publisher.agent)}`)],
    ['Published for', report.isPublished ? uptime(report.publishedMs) : NONE],
    ['Readers', whole(readerCount), slow > 0 && h('span', { class: 'warn' }, ` ▲ ${slow} slow`)],
    [
      'Dropped',
      count(dropsOf(drops), 'message'),
      dropsOf(drops) > 0 && h('span', { class: 'dim' }, ` ${causes(drops)}`)
    ],
    ['Timestamps', report.repairs === 0 ? 'in order' : `${count(report.repairs, 'jump')} repaired`],
    ['RTMP', copyable(`${rtmpUrl(server.urls)}/${path}`, 'RTMP address')],
    ['HTTP-FLV', copyable(`${location.origin}/${escaped}.flv`, 'HTTP-FLV address')]
  ]
  return all.map(([term, ...what]) => h('div', {}, h('dt', {}, term), h('dd', {}, what)))
}

/** @param {History['report']['drops']} drops */
const causes = ({ input, lag, overflow, keyframe }) =>
  /** @type {[number, string][]} */ ([
    [input, 'before the first keyframe'],
    [lag, 'by readers that lagged'],
    [overflow, 'as the ring was full'],
    [keyframe, 'waiting for a keyframe']
  ])
    .filter(([number]) => number > 0)
    .map(([number, cause]) => `${whole(number)} ${cause}`)
    .join(', ')
