// The drawing of a Plan: beside each other where there is room, under each other on a phone.

import { svg } from './dom.js'
import { size, span, whole } from './units.js'

/** @import { Edge, Plan } from './wiring.js' */

const ROW = 30
const PIPE = 10

/**
 * @param {Plan} plan
 * @param {number} width
 */
export function wide({ source, ring, edges }, width) {
  const [head, box] = [22, 62]
  const at = { ring: 300, ringEnd: 470, spine: 492, edge: Math.max(600, width - 690), columns: width - 350 }
  const height = head + Math.max(box, edges.length * ROW) + 4
  const middle = (head + height - 4) / 2
  const top = middle - (edges.length * ROW) / 2
  const [first, last] = [top + ROW / 2, top + ROW * (edges.length - 0.5)]
  const columns = /** @type {const} */ ([
    ['sent', 95],
    ['behind', 175],
    ['queued', 260],
    ['dropped', 348]
  ])
  return drawing(
    width,
    height,
    edges.length > 0 && columns.map(([name, x]) => text(at.columns + x, 12, name, 'dim end')),
    publisherBox(source, 0.5, middle - box / 2, 196, box),
    sourcePipe(source, 196, middle, at.ring),
    ringBox(ring, at.ring, middle - box / 2, at.ringEnd - at.ring, box),
    edges.length > 0 &&
      svg('path', {
        class: 'wire',
        d: `M${at.ringEnd} ${middle}H${at.spine}M${at.spine} ${Math.min(first, middle)}V${Math.max(last, middle)}`
      }),
    edges.map((edge, i) => {
      const y = top + ROW * (i + 0.5)
      return svg(
        'g',
        { 'data-key': edge.key, class: edge.isSlow ? 'slow' : '' },
        pipe(at.spine, y - PIPE / 2, at.edge - at.spine, edge),
        readerBox(edge, at.edge, y - 12, at.columns - at.edge, 24),
        text(at.columns + 95, y + 4, edge.rate, 'end'),
        text(at.columns + 175, y + 4, span(edge.lagMs), 'end'),
        text(at.columns + 260, y + 4, size(edge.waiting), 'end'),
        text(at.columns + 348, y + 4, whole(edge.lost), edge.lost > 0 ? 'end lost' : 'end')
      )
    }),
    edges.length === 0 && text(at.ringEnd + 22, middle + 4, 'nobody reads it', 'dim')
  )
}

/**
 * @param {Plan} plan
 * @param {number} width
 */
export function narrow({ source, ring, edges }, width) {
  const [box, gap, row] = [58, 30, 50]
  const middle = box + gap
  const top = middle + box + 8
  const height = top + Math.max(1, edges.length) * row
  const spine = 12
  const { flow, lost, isFlowing } = source
  return drawing(
    width,
    height,
    publisherBox(source, 0.5, 0.5, width - 1, box),
    svg('path', {
      class: isFlowing ? 'wire flow' : 'wire cut',
      d: `M${spine} ${box}V${middle - 1}`,
      'marker-end': 'url(#arrow)'
    }),
    text(spine + 14, box + 19, [flow, lost > 0 && `${whole(lost)} dropped`].filter(Boolean).join(' · '), ''),
    ringBox(ring, 0.5, middle, width - 1, box),
    edges.length > 0 &&
      svg('path', { class: 'wire', d: `M${spine} ${middle + box}V${top + row * (edges.length - 0.5)}` }),
    edges.map((edge, i) => {
      const y = top + row * i
      const numbers = [edge.rate, `${span(edge.lagMs)} behind`, edge.lost > 0 && `${whole(edge.lost)} dropped`]
      return svg(
        'g',
        { 'data-key': edge.key, class: edge.isSlow ? 'slow' : '' },
        pipe(spine, y + row / 2 - PIPE / 2, 56, edge),
        svg('rect', { class: 'box', x: spine + 56, y: y + 4, width: width - spine - 57, height: row - 8 }),
        label(edge, spine + 64, y + 20, width - spine - 72),
        text(spine + 64, y + 37, numbers.filter(Boolean).join(' · '), edge.lost > 0 ? 'lost' : 'dim')
      )
    }),
    edges.length === 0 && text(spine, top + 20, 'nobody reads it', 'dim')
  )
}

/**
 * @param {number} width
 * @param {number} height
 * @param {...unknown} parts
 */
const drawing = (width, height, ...parts) =>
  svg(
    'svg',
    { 'data-key': 'drawing', viewBox: `0 0 ${width} ${height}`, width, height, 'aria-hidden': 'true' },
    svg(
      'defs',
      {},
      svg(
        'pattern',
        { id: 'hatch', width: 5, height: 5, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' },
        svg('rect', { width: 5, height: 5, class: 'ground' }),
        svg('rect', { width: 2.5, height: 5, class: 'bar' })
      ),
      svg(
        'marker',
        {
          id: 'arrow',
          viewBox: '0 0 8 8',
          refX: 7,
          refY: 4,
          markerWidth: 8,
          markerHeight: 8,
          markerUnits: 'userSpaceOnUse',
          orient: 'auto'
        },
        svg('path', { class: 'head', d: 'M0 0 8 4 0 8Z' })
      )
    ),
    parts
  )

/**
 * @param {Plan['source']} source
 * @param {number} x
 * @param {number} y
 * @param {number} width
 * @param {number} height
 */
function publisherBox({ name, agent }, x, y, width, height) {
  return [
    svg('rect', { class: 'box', x, y, width, height }),
    text(x + 10, y + 18, 'publisher', 'dim'),
    text(x + 10, y + 35, name, '', width - 20),
    text(x + 10, y + 51, agent, 'dim', width - 20)
  ]
}

/**
 * @param {Plan['source']} source
 * @param {number} x
 * @param {number} y
 * @param {number} end
 */
function sourcePipe({ flow, lost, isFlowing }, x, y, end) {
  return [
    svg('path', {
      class: isFlowing ? 'wire flow' : 'wire cut',
      d: `M${x} ${y}H${end - 1}`,
      'marker-end': 'url(#arrow)'
    }),
    text((x + end) / 2, y - 8, flow, 'middle'),
    lost > 0 && text((x + end) / 2, y + 18, `${whole(lost)} dropped`, 'middle lost')
  ]
}

/**
 * @param {Plan['ring']} ring
 * @param {number} x
 * @param {number} y
 * @param {number} width
 * @param {number} height
 */
function ringBox({ fill, holds, of }, x, y, width, height) {
  return [
    svg('rect', { class: 'box', x, y, width, height }),
    text(x + 10, y + 18, `ring ${of}`, 'dim'),
    text(x + 10, y + 35, holds, ''),
    svg('rect', { class: 'pipe', x: x + 10, y: y + height - 18, width: width - 20, height: 8 }),
    svg('rect', { class: 'fill', x: x + 10, y: y + height - 18, width: Math.round((width - 20) * fill), height: 8 })
  ]
}

/**
 * @param {number} x
 * @param {number} y
 * @param {number} width
 * @param {Edge} edge
 */
const pipe = (x, y, width, { fill }) => [
  svg('rect', { class: 'pipe', x, y, width, height: PIPE }),
  svg('rect', { class: 'fill', x, y, width: fill === 0 ? 0 : Math.max(2, Math.round(width * fill)), height: PIPE })
]

/**
 * @param {Edge} edge
 * @param {number} x
 * @param {number} y
 * @param {number} width
 * @param {number} height
 */
const readerBox = (edge, x, y, width, height) => [
  svg('rect', { class: 'box', x, y, width, height }),
  label(edge, x + 8, y + 16, width - 16)
]

/**
 * @param {Edge} edge
 * @param {number} x
 * @param {number} y
 * @param {number} width
 */
const label = ({ name, to, isSlow }, x, y, width) =>
  text(x, y, `${isSlow ? '▲ slow: ' : ''}${name} ${to}`, 'name', width)

/**
 * @param {number} x
 * @param {number} y
 * @param {string} words
 * @param {string} kind
 * @param {number} [width] what is longer is cut
 */
function text(x, y, words, kind, width) {
  const cut = width === undefined ? words : fitting(words, width)
  return svg('text', { x, y, class: kind }, cut, cut !== words && svg('title', {}, words))
}

const paper = /** @type {CanvasRenderingContext2D} */ (document.createElement('canvas').getContext('2d'))

/**
 * As much of a text as the width holds.
 * @param {string} words
 * @param {number} width
 */
function fitting(words, width) {
  paper.font = `600 12.5px ${getComputedStyle(document.body).fontFamily}`
  if (paper.measureText(words).width <= width) return words
  const letters = [...words]
  const share = width / paper.measureText(words).width
  let length = Math.floor(letters.length * share)
  while (length > 0 && paper.measureText(`${letters.slice(0, length).join('')}…`).width > width) length--
  return `${letters.slice(0, length).join('')}…`
}
