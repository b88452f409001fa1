// Four charts of the last five minutes, by uPlot. Their cursors move together.

import { h } from './dom.js'
import { LENGTH } from './history.js'
import { bitrate, digits, frameRate, NONE, span } from './units.js'
import uPlot from './uPlot.js'

/** @import { History, Sample } from './history.js' */

/**
 * @typedef {object} Line
 * @property {string} label
 * @property {(sample: Sample) => number | null} of
 */
/**
 * @typedef {object} Kind
 * @property {string} title
 * @property {readonly Line[]} lines
 * @property {(value: number | null) => string} text
 * @property {(value: number) => string} tick
 * @property {number} least what the scale reaches at least
 */

/** @param {number | null} value */
const perSecond = value =>
  value === null ? NONE : `${value >= 10 || value === 0 ? Math.round(value) : digits(value)}/s`

/** @type {readonly Kind[]} */
const KINDS = [
  {
    title: 'Bitrate',
    lines: [{ label: 'in', of: ({ bitsIn }) => bitsIn }],
    text: bitrate,
    tick: value => (value >= 1e6 ? `${value / 1e6} M` : `${value / 1e3} k`),
    least: 100_000
  },
  {
    title: 'Frame rate',
    lines: [{ label: 'in', of: ({ frames }) => frames }],
    text: frameRate,
    tick: String,
    least: 10
  },
  { title: 'Drops', lines: [{ label: 'messages', of: ({ drops }) => drops }], text: perSecond, tick: String, least: 5 },
  {
    title: 'Delay',
    lines: [
      { label: 'slowest', of: ({ lagMs }) => lagMs },
      { label: 'this page', of: ({ bufferMs }) => bufferMs }
    ],
    text: span,
    tick: value => `${value / 1000} s`,
    least: 1000
  }
]

const HEIGHT = 120
/** Seconds that a chart shows at least. */
const SHORT = 60
/** The second line of a chart is dashed, to be told apart without colour. */
const DASH = [4, 3]

export class Charts {
  /** @type {{ kind: Kind, plot: any, figure: HTMLElement, values: HTMLElement[] }[]} */
  #charts = []
  /** @type {History | undefined} */
  #history
  /** The sample under the cursor; undefined: the last one. @type {number | undefined} */
  #at

  /** @param {HTMLElement} parent */
  constructor(parent) {
    const group = uPlot.sync('time')
    for (const kind of KINDS) {
      const values = kind.lines.map(() => h('output', { 'aria-live': 'off' }, NONE))
      const legend = kind.lines.map(({ label }, at) =>
        h('span', { class: `line line${at}` }, kind.lines.length > 1 && `${label} `, values[at])
      )
      const plot = h('div', { class: 'plot', tabindex: 0, role: 'img' })
      const figure = h(
        'figure',
        {},
        h('figcaption', {}, h('b', {}, kind.title), h('span', { class: 'lines' }, legend)),
        plot
      )
      parent.append(figure)
      this.#charts.push({ kind, figure: plot, values, plot: new uPlot(this.#options(kind, group.key), [[]], plot) })
      plot.addEventListener('keydown', event => this.#steer(event))
      plot.addEventListener('blur', () => this.#point(undefined))
      new ResizeObserver(([entry]) => {
        if (entry)
          this.#charts
            .find(each => each.figure === plot)
            ?.plot.setSize({ width: entry.contentRect.width, height: HEIGHT })
      }).observe(plot)
    }
    // colours are read when they are drawn
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      for (const { plot } of this.#charts) plot.redraw(false, true)
    })
  }

  /**
   * @param {Kind} kind
   * @param {string} group
   */
  #options({ lines, tick, least }, group) {
    const ink = (/** @type {string} */ name) => () => getComputedStyle(document.body).getPropertyValue(name)
    const axis = {
      stroke: ink('--dim'),
      font: '11px system-ui, sans-serif',
      grid: { stroke: ink('--line'), width: 1 },
      ticks: { show: false },
      gap: 4
    }
    return /** @type {any} */ ({
      width: 280,
      height: HEIGHT,
      legend: { show: false },
      padding: [6, 22, 0, 0],
      cursor: { sync: { key: group }, drag: { x: false, y: false }, y: false, points: { size: 6 } },
      scales: {
        y: {
          range: (/** @type {any} */ _plot, /** @type {number} */ _low, /** @type {number} */ top) => [
            0,
            Math.max(least, top * 1.1)
          ]
        }
      },
      axes: [
        {
          ...axis,
          size: 24,
          gap: 8,
          incrs: [5, 10, 15, 30, 60, 120, 300],
          space: 60,
          values: (/** @type {any} */ _plot, /** @type {number[]} */ times) => times.map(clock)
        },
        {
          ...axis,
          size: 46,
          space: 32,
          values: (/** @type {any} */ _plot, /** @type {number[]} */ ticks) => ticks.map(tick)
        }
      ],
      series: [
        {},
        ...lines.map((_line, at) => ({
          stroke: ink(at === 0 ? '--data' : '--data2'),
          width: 1.5,
          points: { show: false },
          ...(at > 0 && { dash: DASH })
        }))
      ],
      hooks: {
        setCursor: [
          (/** @type {any} */ plot) => {
            this.#at = plot.cursor.idx ?? undefined
            this.#tell()
          }
        ]
      }
    })
  }

  /** @param {History} history */
  show(history) {
    this.#history = history
    const { samples } = history
    const now = Date.now() / 1000
    const times = samples.map(({ time }) => time)
    for (const { plot, kind } of this.#charts) {
      plot.setData([times, ...kind.lines.map(({ of }) => samples.map(of))], false)
      plot.batch(() => {
        plot.setScale('x', { min: Math.max(now - LENGTH, Math.min(now - SHORT, times[0] ?? now)), max: now })
        plot.setScale('y', { min: null, max: null })
      })
    }
    this.#tell()
  }

  /** The values of the last sample, or of that under the cursor. */
  #tell() {
    const samples = this.#history?.samples ?? []
    const sample = samples[this.#at ?? samples.length - 1]
    for (const { kind, values, figure } of this.#charts) {
      const texts = kind.lines.map(({ of }) => (sample === undefined ? NONE : kind.text(of(sample))))
      texts.forEach((text, at) => {
        const output = values[at]
        if (output && output.textContent !== text) output.textContent = text
      })
      const at = this.#at === undefined || sample === undefined ? 'now' : `at ${clock(sample.time)}`
      figure.setAttribute(
        'aria-label',
        `${kind.title} ${at}: ${kind.lines.map(({ label }, i) => `${label} ${texts[i]}`).join(', ')}`
      )
    }
  }

  /** @param {KeyboardEvent} event */
  #steer(event) {
    const steps = /** @type {Record<string, number>} */ ({
      ArrowLeft: -1,
      ArrowRight: 1,
      PageUp: -30,
      PageDown: 30,
      Home: -LENGTH,
      End: LENGTH
    })
    const step = steps[event.key]
    if (step === undefined && event.key !== 'Escape') return
    event.preventDefault()
    const last = (this.#history?.samples.length ?? 0) - 1
    this.#point(step === undefined ? undefined : Math.max(0, Math.min(last, (this.#at ?? last) + step)))
  }

  /** @param {number | undefined} at the sample that the cursor points at */
  #point(at) {
    const time = at === undefined ? undefined : this.#history?.samples[at]?.time
    for (const { plot } of this.#charts)
      plot.setCursor(
        time === undefined ? { left: -10, top: -10 } : { left: plot.valToPos(time, 'x'), top: 10 },
        true,
        false
      )
    this.#at = at
    this.#tell()
  }
}

/** @param {number} seconds since 1970 */
const clock = seconds => new Date(seconds * 1000).toTimeString().slice(0, 8)
