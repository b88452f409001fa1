import { readRtmpUrl, redactedUrl, splitStreamUrl } from 'rtmpipe'
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

t.test('a # is part of the path, as FFmpeg has it, and a slash at the end of a query is part of that', async t => {
  const of = (url: string) => Object.values(readRtmpUrl(url)).slice(3, 5)
  t.same(of('rtmp://h/live#1'), ['live#1', 'rtmp://h/live#1'])
  t.same(of('rtmp://h/live/?x=1'), ['live/?x=1', 'rtmp://h/live/?x=1'])
  t.same(of('rtmp://h/live?token=abc/'), ['live?token=abc/', 'rtmp://h/live?token=abc/'])
  t.same(of('rtmp://h/undefined@x'), ['undefined@x', 'rtmp://h/undefined@x'])
})

t.test('what is no URL is told at once', async t => {
  for (const url of [
    '',
    'live',
    'rtmp:/host',
    'rtmp://',
    'rtmp:///live',
    'rtmp://h:x/live',
    'rtmp://a:b@/live',
    '//h/a'
  ]) {
    t.throws(() => readRtmpUrl(url), { name: 'TypeError', message: /is not a URL of the form rtmp:\/\/host\/app/ }, url)
  }
  t.throws(() => readRtmpUrl('host/live/film'), { message: /^host… is not a URL/ })
  t.throws(() => readRtmpUrl('rtmp://host:x/live'), { message: /^rtmp:\/\/host… is not a URL/ })
  for (const port of [0, 65536]) t.throws(() => readRtmpUrl(`rtmp://h:${port}/x`), { message: /^rtmp:\/\/h… .* port/ })
})

/** Passwords that hold what parts a URL, as they are and with a host behind them that is none. */
const secrets = [
  's3cret',
  's3/cret',
  's3@cret',
  's3#cret',
  's3?cret',
  '12/s3cret',
  '99999/s3',
  's3@99:88/cret',
  's3/cr/e@t/#'
]

t.test('no error and nothing that is shown holds a part of a password', async t => {
  for (const secret of secrets) {
    for (const end of ['@', '@host:x/live/film', '@host:99999/live/film', '@host', '@ho st:0/live?pass=s3cret']) {
      for (const url of [`rtmp://ada:${secret}${end}`, `ada:${secret}${end}`, `rtmp:/ada:${secret}${end}`]) {
        for (const read of [readRtmpUrl, splitStreamUrl, (url: string) => readRtmpUrl(splitStreamUrl(url).url)]) {
          try {
            read(url)
          } catch (error) {
            t.notMatch((error as Error).message, /s3|cr|99|88/, url)
          }
        }
        t.notMatch(redactedUrl(url), /s3|cr|99|88|12/, url)
      }
    }
  }
  t.throws(
    () => readRtmpUrl('rtmp://ada:s3/cret@host/live'),
    { message: /^rtmp:\/\/… is not a URL.*%2F/ },
    'and what to do'
  )
  t.equal(redactedUrl('rtmp://host:1935/live/film?key=K'), 'rtmp://host…')
  t.equal(redactedUrl('rtmp://ada:s3cret@host/live'), 'rtmp://…')
  t.equal(redactedUrl('rtmp://host'), 'rtmp://host')
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
  t.equal(of('live/key#1?x=#'), 'live key#1?x=#', 'a # is part of a key')
  t.equal(of('live/?key=a'), 'live ?key=a')
  for (const none of ['', '/', '?key=a']) t.throws(() => of(none), { message: /has no stream name/ }, none)
  t.throws(() => splitStreamUrl('rtmp://h'), { message: /^rtmp:\/\/h has no stream name/ })
  t.throws(() => splitStreamUrl('film.flv'), { message: /^film\.flv has no stream name/ })
})

t.test('a URL that has an app alone names the stream of that path: its name is empty', async t => {
  for (const [path, app] of [
    ['cam1', 'cam1'],
    ['cam1/', 'cam1'],
    ['cam1?user=a&pass=b', 'cam1?user=a&pass=b'],
    ['cam#1', 'cam#1'],
    ['a/b/', 'a/b'],
    ['live#', 'live#']
  ] as const) {
    t.same(splitStreamUrl(`rtmp://h/${path}`), { url: `rtmp://h/${app}`, name: '' }, path)
  }
})
