import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { packetLines, packets } from './films.ts'
import { Program } from './programs.ts'

type Scope = { teardown(end: () => unknown): unknown }

/** A player at work, and what it has got when it ends: every packet, times too. */
export interface Player {
  readonly program: Program
  packets(): Promise<string[]>
}

/** What a program writes to a file while it plays. */
const toFile = (program: Program, file: string): Player => ({
  program,
  async packets() {
    await program.ends()
    return packets(file)
  }
})

const framemd5 = ['-map', '0:v?', '-map', '0:a?', '-c', 'copy', '-f', 'framemd5', '-']

/** Seconds that programs wait for a server: 5, or 30, are too few where a machine is busy. */
const PATIENCE = 600

/** It would trust no certificate of a test. */
const rtmp2src = (url: string) => [
  'rtmp2src',
  `location=${url}`,
  `timeout=${PATIENCE}`,
  'tls-validation-flags=no-flags'
]

/** Each plays a URL; the folder is for its files. */
export const players = {
  ffmpeg(t: Scope, url: string, _folder = '', ...more: string[]): Player {
    const program = new Program(t, 'ffmpeg', ['-v', 'error', '-copyts', ...more, '-i', url, ...framemd5])
    return { program, packets: async () => packetLines((await program.ends()).out) }
  },
  /** `--live` unless told otherwise: with it rtmpdump heeds no `--start`. */
  rtmpdump(t: Scope, url: string, folder: string, ...more: string[]): Player {
    const file = join(folder, 'rtmpdump.flv')
    const how = more.length > 0 ? more : ['--live']
    return toFile(new Program(t, 'rtmpdump', ['-q', '-m', `${PATIENCE}`, ...how, '-r', url, '-o', file]), file)
  },
  gstreamer(t: Scope, url: string, folder: string): Player {
    const file = join(folder, 'gst.flv')
    return toFile(new Program(t, 'gst-launch-1.0', ['-q', ...rtmp2src(url), '!', 'filesink', `location=${file}`]), file)
  },
  /** What VLC's access gets; its own muxers would write other timestamps. It does not run as root. */
  vlc(t: Scope, url: string, folder: string): Player {
    const home = join(folder, 'vlc')
    mkdirSync(home)
    for (const each of [folder, home]) chmodSync(each, 0o777)
    const file = join(home, 'vlc.flv')
    const cvlc = [
      'cvlc',
      '-q',
      '-I',
      'dummy',
      '--no-interact',
      url,
      '--demux=dump',
      `--demuxdump-file=${file}`,
      'vlc://quit'
    ]
    const asNobody = process.getuid?.() === 0 ? ['runuser', '-u', 'nobody', '--'] : []
    return toFile(new Program(t, 'env', [`HOME=${home}`, ...asNobody, ...cvlc]), file)
  }
}

/** Each publishes a file to a URL in real time. */
export const publishers = {
  ffmpeg: (t: Scope, file: string, url: string, ...more: string[]): Program =>
    new Program(t, 'ffmpeg', [
      '-v',
      'error',
      '-re',
      ...more,
      '-i',
      file,
      '-c',
      'copy',
      '-flvflags',
      'no_duration_filesize',
      '-f',
      'flv',
      url
    ]),
  rtmp2sink: (t: Scope, file: string, url: string, ...more: string[]): Program =>
    gstPublisher(t, file, ['rtmp2sink', `location=${url}`, `timeout=${PATIENCE}`, ...more]),
  /** librtmp's: more of it goes into the location. */
  rtmpsink: (t: Scope, file: string, url: string, ...more: string[]): Program =>
    gstPublisher(t, file, ['rtmpsink', `location=${[url, 'live=1', `timeout=${PATIENCE}`, ...more].join(' ')}`])
}

function gstPublisher(t: Scope, file: string, sink: string[]): Program {
  const video = ['d.video', '!', 'queue', '!', 'h264parse', '!', 'm.video']
  const audio = ['d.audio', '!', 'queue', '!', 'aacparse', '!', 'm.audio']
  const mux = ['flvmux', 'name=m', 'streamable=true', '!', 'identity', 'sync=true', '!', ...sink]
  return new Program(t, 'gst-launch-1.0', [
    '-q',
    'filesrc',
    `location=${file}`,
    '!',
    'flvdemux',
    'name=d',
    ...video,
    ...audio,
    ...mux
  ])
}
