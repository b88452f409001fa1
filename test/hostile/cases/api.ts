/** One threat to the API of `rtmpipe serve`, whose token is TOKEN: requests, and what is heard in answer to each. */
export interface ApiCase {
  /** Its row in the table of threats. */
  readonly row: string
  readonly what: string
  /** What is sent, each by a connection of its own. */
  readonly sends: readonly Buffer[]
  readonly hears: RegExp
}

export const TOKEN = 'a-token'
const text = (said: string): Buffer => Buffer.from(said, 'latin1')
const ask = (method: string, path: string, headers: readonly string[] = [], body = ''): Buffer =>
  text([`${method} ${path} HTTP/1.1`, 'Host: localhost', ...headers, '', body].join('\r\n'))
const AUTHORIZATION = `Authorization: Bearer ${TOKEN}`
const JSON_TYPE = 'Content-Type: application/json'
const get = (path: string): Buffer => ask('GET', path, [AUTHORIZATION])
const remove = (path: string): Buffer => ask('DELETE', path, [AUTHORIZATION])
const post = (body: string, ...headers: string[]): Buffer =>
  ask('POST', '/api/relays', [AUTHORIZATION, `Content-Length: ${body.length}`, ...headers], body)
const LIVE = '{"path":"live/witness","to":"rtmp://127.0.0.1:1/live/x"}'

export const ofApi: readonly ApiCase[] = [
  {
    row: 'I1',
    what: 'tokens that are missing, wrong, long, twice, or elsewhere',
    sends: [
      ...[
        [],
        ['Authorization:'],
        ['Authorization: Bearer'],
        [`Authorization: ${TOKEN}`],
        [`Authorization: Basic ${TOKEN}`],
        [`Authorization: Bearer ${TOKEN}\x80`],
        [`Authorization: Bearer ${TOKEN} ${TOKEN}`],
        [`Authorization: Bearer ${'a'.repeat(8000)}`],
        ['Authorization: Bearer x', AUTHORIZATION],
        [`Cookie: token=${TOKEN}`, `X-Api-Token: ${TOKEN}`]
      ].map(headers => ask('GET', '/api/streams', headers)),
      ask('GET', `/api/streams?token=${TOKEN}&access_token=${TOKEN}`),
      ask('DELETE', '/api/sessions/1'),
      ask('POST', '/api/relays', [JSON_TYPE, `Content-Length: ${LIVE.length}`], LIVE)
    ],
    hears: /^HTTP\/1\.1 401 /
  },
  {
    row: 'I2',
    what: 'bodies that are too large, announced or not',
    sends: [
      ask('POST', '/api/relays', [AUTHORIZATION, JSON_TYPE, 'Content-Length: 16385']),
      ask('POST', '/api/relays', [AUTHORIZATION, JSON_TYPE, 'Content-Length: 9007199254740991']),
      post(' '.repeat(10_000_000), JSON_TYPE),
      ask(
        'POST',
        '/api/relays',
        [AUTHORIZATION, JSON_TYPE, 'Transfer-Encoding: chunked'],
        `ffffff\r\n${' '.repeat(20_000)}`
      )
    ],
    hears: /^HTTP\/1\.1 413 /
  },
  {
    row: 'I2',
    what: 'bodies that are not what is asked for',
    sends: [
      ...['', '{', '\0', '[]', '1', '{"path":{}}', '{"path":"live/witness"}', '{"__proto__":"x","to":"y"}'],
      `${'['.repeat(16_000)}`,
      '{"path":"live/witness","to":["rtmp://127.0.0.1/live/x"]}',
      ...[
        'file:///etc/passwd',
        'http://127.0.0.1/live/x',
        'rtmp:///live/x',
        '__proto__://a/b/c',
        'rtmp://a:99999/b/c'
      ].map(to => JSON.stringify({ path: 'live/witness', to }))
    ].map(body => post(body, JSON_TYPE)),
    hears: /^HTTP\/1\.1 400 /
  },
  {
    row: 'I2',
    what: 'bodies that a page of a stranger can send',
    sends: [
      ...[
        'text/plain',
        'application/x-www-form-urlencoded',
        'multipart/form-data',
        'text/plain; application/json',
        ''
      ].map(type => post(LIVE, `Content-Type: ${type}`)),
      post(LIVE)
    ],
    hears: /^HTTP\/1\.1 415 /
  },
  {
    row: 'I3',
    what: 'ids of nothing',
    sends: [
      ...[
        '0',
        '-1',
        '1e0',
        '01',
        '999999',
        'http-1',
        '..',
        '%2e%2e',
        '__proto__',
        'constructor',
        'a'.repeat(15_000)
      ].flatMap(id => ['sessions', 'recordings', 'relays'].map(collection => remove(`/api/${collection}/${id}`)))
    ],
    hears: /^HTTP\/1\.1 404 /
  },
  {
    row: 'I4',
    what: 'paths that lead elsewhere',
    sends: [
      '/api/streams/../../etc/passwd',
      '/api/streams/%2e%2e%2f%2e%2e%2fetc%2fpasswd',
      '/api/streams/live/witness/../witness',
      '/api/streams/live%00witness',
      '/api/streams/__proto__',
      '/api//streams',
      '/api/../api/streams',
      '/api/openapi.json/../openapi.json',
      '/api/constructor',
      '/api/'
    ].map(get),
    hears: /^HTTP\/1\.1 404 /
  },
  {
    row: 'I4',
    what: 'malformed escapes',
    sends: ['%', '%zz', '%c0%ae', '%ff', '%u0041', '%ed%a0%80'].flatMap(rest => [
      get(`/api/streams/${rest}`),
      remove(`/api/sessions/${rest}`)
    ]),
    hears: /^HTTP\/1\.1 400 /
  },
  {
    row: 'I5',
    what: 'methods that are not for this path',
    sends: [
      ...['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE'].map(method =>
        ask(method, '/api/streams', [AUTHORIZATION])
      ),
      ...['/api/sessions/1', '/api/recordings/1', '/api/relays/1'].map(get)
    ],
    hears: /^HTTP\/1\.1 405 /
  }
]
