// What to type to publish a stream, and to watch it, with the addresses of this server.

import { h } from './dom.js'
import { shown } from './units.js'

/** @import { ServerReport } from '../../api/types.ts' */

/** The text that was copied last, and until when its button says so. */
let copied = { text: '', until: 0 }

/**
 * Something to type, with a button that copies it.
 * @param {string} text
 * @param {string} what what it is, for the name of the button
 */
export const copyable = (text, what) =>
  h(
    'span',
    { class: 'copyable' },
    h('code', {}, words(shown(text))),
    h(
      'button',
      { type: 'button', 'data-copy': text, 'aria-label': `Copy: ${what}` },
      copied.text === text && Date.now() < copied.until ? 'Copied' : 'Copy'
    )
  )

/**
 * A command breaks between its words, and not within `-f`.
 * @param {string} text
 */
const words = text => text.split(' ').flatMap((word, at) => [at > 0 && ' ', h('span', { class: 'word' }, word)])

/**
 * Buttons made by copyable() do what they say.
 * @param {() => void} changed called when one of them says something else
 */
export function hearCopies(changed) {
  document.addEventListener('click', async ({ target }) => {
    const button = target instanceof Element ? target.closest('[data-copy]') : null
    const text = button?.getAttribute('data-copy')
    if (!button || !text) return
    if (!(await copy(text, button))) return
    copied = { text, until: Date.now() + 2000 }
    changed()
    setTimeout(changed, 2100)
  })
}

/**
 * @param {string} text
 * @param {Element} button
 */
async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    // without https the clipboard is closed, except to this
    const code = button.parentElement?.querySelector('code')
    if (code) getSelection()?.selectAllChildren(code)
    return document.execCommand('copy')
  }
}

/** @param {readonly string[]} urls */
export const rtmpUrl = urls => urls.find(url => url.startsWith('rtmp:')) ?? urls[0] ?? 'rtmp://HOST'

/**
 * @param {ServerReport} server
 * @param {boolean} isEmpty there is no stream
 */
export function howToPublish({ urls, needsKey }, isEmpty) {
  const url = rtmpUrl(urls)
  const key = needsKey ? 'film?key=KEY' : 'film'
  // a shell would expand the question mark
  const to = needsKey ? `'${url}/live/${key}'` : `${url}/live/${key}`
  const step = (/** @type {string} */ title, /** @type {unknown[]} */ ...content) =>
    h('div', { class: 'step' }, h('h3', {}, title), content)
  const list = (/** @type {readonly [string, HTMLElement | string][]} */ ...pairs) =>
    h(
      'dl',
      {},
      pairs.map(([term, what]) => h('div', {}, h('dt', {}, term), h('dd', {}, what)))
    )
  return [
    isEmpty && h('p', { class: 'lead' }, 'No stream yet. This page shows each one as soon as it is published.'),
    needsKey && h('p', { class: 'note' }, 'KEY is the one that this server was started with, by --publish-key.'),
    h(
      'div',
      { class: 'steps' },
      step(
        'OBS',
        h('p', { class: 'note' }, 'Settings, Stream. In Output, a keyframe interval of 2 s.'),
        list(
          ['Service', 'Custom'],
          ['Server', copyable(`${url}/live`, 'server for OBS')],
          ['Stream key', copyable(key, 'stream key for OBS')]
        )
      ),
      step(
        'ffmpeg',
        h('p', { class: 'note' }, 'A file as it is, or a test picture.'),
        list(
          ['File', copyable(`ffmpeg -re -i FILE -c copy -f flv ${to}`, 'ffmpeg command for a file')],
          [
            'Test',
            copyable(
              `ffmpeg -re -f lavfi -i testsrc2=size=1280x720:rate=30 -f lavfi -i sine=frequency=440 -c:v libx264 -preset veryfast -tune zerolatency -pix_fmt yuv420p -g 60 -c:a aac -f flv ${to}`,
              'ffmpeg command for a test picture'
            )
          ]
        )
      ),
      step(
        'Watch elsewhere',
        h('p', { class: 'note' }, 'On this page it appears by itself.'),
        list(
          ['RTMP', copyable(`ffplay ${url}/live/film`, 'ffplay command')],
          ['HTTP-FLV', copyable(`ffplay ${location.origin}/live/film.flv`, 'ffplay command for HTTP-FLV')]
        )
      )
    )
  ].filter(each => each !== false)
}
