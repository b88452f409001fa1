import { readRtmpUrl, splitStreamUrl } from '../index.ts'

/** Whether it is the URL of a stream, by a scheme of the family. Unlike an error, the answer does not contain the URL. */
export function isStreamUrl(url: string): boolean {
  try {
    return /^rtm(p|ps|pe|pt|pte|pts|fp)$/.test(readRtmpUrl(splitStreamUrl(url).url).scheme)
  } catch {
    return false
  }
}
