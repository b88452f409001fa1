import type { RtmpErrorCode } from 'rtmpipe'
import { chunks, created, publishing, said } from '../../support/hostile.ts'
import { type Case, hex, joined, onOne, zeros } from './case.ts'

/** Names that mean something to some file system, each as the name of a publish that is recorded. */
const names = [
  '..',
  '../x',
  '../../etc/passwd',
  'a/../../x',
  './x',
  'a/./x',
  '\\x',
  '..\\x',
  'a\\..\\x',
  '\\\\host\\x',
  'C:x',
  'C:\\x',
  'c:/x',
  'x:y',
  'x\0',
  '\0',
  'x\0.flv',
  'a\n',
  '\x1b[2J',
  'x\x7f',
  '.',
  'a/..',
  'a/.',
  'a'.repeat(256),
  'ž'.repeat(128),
  `${'a/'.repeat(140)}x`,
  '.. /x',
  '... /x',
  'a./x',
  'a /x',
  '%2e%2e\\x',
  'a/b/../../../x',
  '.\\x',
  '../live/x',
  '..\0/x',
  'C:',
  '..\t',
  'x/..\\..'
]
/** Names of a folder that is a link out of the recordings. */
const linked = ['out/x', 'out/a/x']
/** Names that look so and are harmless: slashes are no part of a name where they say nothing, and nothing is decoded. */
const harmless = ['/etc/passwd', 'a//x', 'a/', '//a', '%2e%2e/x', '..%2f..%2fx', '．．/x', '‥/x', '..x/..y', 'a b']

export const ofFiles: readonly Case[] = [
  {
    row: 'F1',
    what: `${harmless.length} names that only look so`,
    behind: created,
    sends: harmless.map(name => said('publish', 3, [null, name], onOne)),
    hears: /NetStream.Publish.Start/
  },
  {
    row: 'F1',
    what: `${names.length} names that would lead elsewhere`,
    behind: created,
    sends: names.map(name => said('publish', 3, [null, name], onOne)),
    hears: /NetStream.Publish.Start/
  },
  {
    row: 'F1',
    what: `${linked.length} names that a link leads elsewhere`,
    behind: created,
    sends: linked.map(name => said('publish', 3, [null, name], onOne)),
    hears: /NetStream.Publish.Denied/
  },
  {
    row: 'F3',
    what: 'video of a kind that nobody knows',
    behind: publishing('f3'),
    sends: joined(
      ...['91', '97787878', '9f', '97ff', '977878787800', 'f7', '87'].map(bytes =>
        chunks(9, hex(bytes), { id: 6, ...onOne })
      ),
      ...['9f', '90', '95', '9178787878'].map(bytes => chunks(8, hex(bytes), { id: 4, ...onOne }))
    )
  }
]

const flv = (...parts: string[]): Buffer => hex(['464c5601050000000900000000', ...parts].join(''))
const tag = '0900000100000000000000170000000c'
/** Each of a tag of 10 MB, so that each place may begin one. */
const headers = Buffer.alloc(4 * 1024 * 1024, hex('0998968000000000000000'))

/** Files, each as it is read by flvDecoder(): its code, or how many messages come out of it. */
export const files: readonly { what: string; bytes: Buffer; ends: RtmpErrorCode | number }[] = [
  { what: 'a tag', bytes: flv(tag), ends: 1 },
  { what: 'nothing', bytes: zeros(0), ends: 0 },
  { what: 'a file that is none', bytes: hex('000000206674797069736f6d'), ends: 'ERR_RTMP_FLV_HEADER' },
  { what: 'a header of 4 GiB', bytes: hex('464c560105ffffffff00000000'), ends: 'ERR_RTMP_FLV_HEADER' },
  { what: 'a header shorter than itself', bytes: hex('464c5601050000000800000000'), ends: 'ERR_RTMP_FLV_HEADER' },
  { what: 'a tag of 16 MiB', bytes: flv('09ffffff0000000000000017'), ends: 'ERR_RTMP_MESSAGE_TOO_LONG' },
  { what: 'a tag that reaches beyond the file', bytes: flv(tag, '0900ffff0000000000000017'), ends: 1 },
  { what: 'bytes that are no tag', bytes: flv(tag, '00'.repeat(1000), tag), ends: 2 },
  { what: 'headers that reach over each other', bytes: joined(flv(), headers, hex(tag)), ends: 1 },
  {
    what: '17 MiB that are no tag',
    bytes: joined(flv(tag), zeros(17 * 1024 * 1024), hex(tag)),
    ends: 'ERR_RTMP_FLV_TAG'
  },
  { what: 'a tag of no kind', bytes: flv('07000001000000000000001700'), ends: 'ERR_RTMP_FLV_TAG' },
  {
    what: 'sizes of previous tags that lie',
    bytes: flv(tag.slice(0, -8), 'ffffffff', tag.slice(0, -8), '00000000', tag),
    ends: 3
  },
  { what: 'metadata that is no AMF', bytes: flv('120000040000000000000002ffff61ffffffff', tag), ends: 2 }
]
