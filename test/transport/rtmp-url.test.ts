import { readRtmpUrl, splitStreamUrl } from 'rtmpipe'
import t from 'tap'

t.test('the URL of an app: all of its path is the app', async t => {
  const of = (url: string) => {
    const { scheme, host, port, app, tcUrl, user, password } = readRtmpUrl(url)
    return [scheme, host, port, app, tcUrl, user, password]
  }
  const none = undefined
  t.same(of('rtmp://host/live'), ['rtmp', 'host', none, 'live', 'rtmp://host/live', none, none])
  t.same(of('RTMP://host:1936/a/b/'), ['rtmp', 'host', 1936, 'a/b', 'RTMP://host:1936/a/b', none, none])
  t.same(of('rtmp://host'), ['rtmp', 'host', none, '', 'rtmp://host', none, none])
  t.same(of('rtmps://[::1]:443/live'), ['rtmps', '::1', 443, 'live', 'rtmps://[::1]:443/live', none, none])
  t.same(of('rtmp://h/live?token=a/b'), ['rtmp', 'h', none, 'live?token=a/b', 'rtmp://h/live?token=a/b', none, none])
  t.same(of('rtmp://h/live/_definst_'), ['rtmp', 'h', none, 'live/_definst_', 'rtmp://h/live/_definst_', none, none])
  t.same(of('rtmp://ada:p%40ss@h/live'), ['rtmp', 'h', none, 'live', 'rtmp://h/live', 'ada', 'p@ss'])
  t.same(of('rtmp://ada:p@ss:x@h:1/live'), ['rtmp', 'h', 1, 'live', 'rtmp://h:1/live', 'ada', 'p@ss:x'])
  t.same(of('rtmp://ada:50%@h/live').slice(-2), ['ada', '50%'], 'a lone percent sign is a sign')
  t.same(of('rtmp://:pw@h/live').slice(-2), [none, 'pw'])
})

t.test('what is no URL is told at once, and never with its password', async t => {
  for (const url of [
    '',
    'live',
    'rtmp:/host',
    'rtmp://',
    'rtmp:///live',
    'rtmp://h:x/live',
    'rtmp://a:s3cret@/live',
    '//h/a'
  ]) {
    t.throws(() => readRtmpUrl(url), { name: 'TypeError', message: /is no URL such as rtmp:\/\/host\/app/ }, url)
  }
  for (const port of [0, 65536]) t.throws(() => readRtmpUrl(`rtmp://h:${port}/x`), TypeError)
  for (const read of [readRtmpUrl, splitStreamUrl]) {
    try {
      read('rtmp://ada:s3cret@host:99999')
    } catch (error) {
      t.notMatch((error as Error).message, 's3cret')
    }
  }
})

t.test('the URL of a stream', async t => {
  const of = (url: string) =>
    Object.values(splitStreamUrl(`rtmp://h:1935/${url}`))
      .join(' ')
      .replaceAll('rtmp://h:1935/', '')
  t.equal(of('live/film'), 'live film')
  t.equal(of('live/film?key=a/b'), 'live film?key=a/b', 'a slash in the query is none of the path')
  t.equal(of('a/b/film'), 'a/b film')
  t.equal(of('a/b/c/film'), 'a/b c/film', 'an app and its instance')
  t.equal(of('live/film.flv?x=1'), 'live film?x=1')
  t.equal(of('vod/film.mp4?x=1'), 'vod mp4:film.mp4?x=1')
  t.equal(of('vod/mp4:a/b.mp4'), 'vod mp4:a/b.mp4')
  t.equal(of('live?auth=abc/film'), 'live?auth=abc film', 'an app with a query of its own')
  t.equal(of('a/b/c#d/e.x'), 'a/b/c d/e.x', 'by the letter of the specification')
  for (const none of ['', 'live', 'live/', 'live?key=a', 'a/b/', 'live#']) t.throws(() => of(none), TypeError, none)
  t.throws(() => splitStreamUrl('rtmp://h'), TypeError)
  t.throws(() => splitStreamUrl('film.flv'), TypeError)
})
