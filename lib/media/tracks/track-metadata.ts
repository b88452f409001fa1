import { type AmfObject, type AmfValue, EcmaArray, propertiesOf } from '../../amf/amf-value.ts'
import { soundFourCc, videoFourCc } from '../tags/codec.ts'

/** What metadata says of one of the sources of a stream, and the ids of its tracks there. */
export interface DescribedSource {
  readonly video?: number | undefined
  readonly audio?: number | undefined
  readonly properties: AmfObject
}

/** Of OBS, FFmpeg, GStreamer and Flash Media Live Encoder. `5.1` and the like are flags of OBS. */
const OF_VIDEO = /^(video|avc|(width|height|framerate)$)/i
const OF_AUDIO = /^(audio|aac|stereo$|\d\.\d$)/i

/**
 * What metadata says of a stream with the tracks of all sources (Enhanced RTMP v2, "Enhancing onMetaData"): the tracks with
 * id 0 at its top, the others in the maps. Properties of no track are those of the first source.
 */
export function joinedMetadata(sources: readonly DescribedSource[]): EcmaArray {
  const [videos, audios] = [tracks(sources, 'video', OF_VIDEO), tracks(sources, 'audio', OF_AUDIO)]
  return new EcmaArray({
    ...picked(sources[0]?.properties ?? {}, key => !OF_VIDEO.test(key) && !OF_AUDIO.test(key)),
    ...videos.get(0),
    ...audios.get(0),
    ...mapOf('videoTrackIdInfoMap', videos, properties => withFourCc(properties, 'videocodecid', videoFourCc)),
    ...mapOf('audioTrackIdInfoMap', audios, audioTrack)
  })
}

/**
 * What metadata says of a stream with one of its video and one of its audio tracks, without the maps. Of a track other than 0 that is not in
 * the maps it says nothing: FFmpeg sends no maps. Returns the same object if there is nothing to change.
 */
export function metadataOfTracks(properties: AmfObject, video: number, audio: number): AmfObject {
  const { videoTrackIdInfoMap, audioTrackIdInfoMap, ...own } = properties
  const isOfPrimary = video === 0 && audio === 0
  if (isOfPrimary && videoTrackIdInfoMap === undefined && audioTrackIdInfoMap === undefined) return properties
  const [ofVideo, ofAudio] = [entryOf(videoTrackIdInfoMap, video), entryOf(audioTrackIdInfoMap, audio)]
  const isOfAnother = (key: string) =>
    (ofVideo === undefined && video !== 0 && OF_VIDEO.test(key)) ||
    (ofAudio === undefined && audio !== 0 && OF_AUDIO.test(key))
  return { ...picked(own, key => !isOfAnother(key)), ...ofVideo, ...ofAudio }
}

const entryOf = (map: AmfValue, id: number): AmfObject | undefined => propertiesOf(propertiesOf(map)?.[id])

/** What is known of the tracks of a kind, by their ids. */
function tracks(sources: readonly DescribedSource[], kind: 'video' | 'audio', keys: RegExp): Map<number, AmfObject> {
  const found = new Map<number, AmfObject>()
  for (const { [kind]: id, properties } of sources) {
    const own = picked(properties, key => keys.test(key))
    if (id !== undefined && Object.keys(own).length > 0) found.set(id, own)
  }
  return found
}

/** The map of the tracks with other ids than 0; none if there are none. */
function mapOf(name: string, tracks: Map<number, AmfObject>, track: (properties: AmfObject) => AmfObject): AmfObject {
  const others = [...tracks].filter(([id]) => id > 0)
  if (others.length === 0) return {}
  return { [name]: Object.fromEntries(others.map(([id, properties]) => [id, track(properties)])) }
}

const picked = (properties: AmfObject, keeps: (key: string) => boolean): AmfObject =>
  Object.fromEntries(Object.entries(properties).filter(([key]) => keeps(key)))

/** The maps have `samplerate` and `channels` in the examples of the specification. */
function audioTrack(properties: AmfObject): AmfObject {
  const { audiosamplerate, audiochannels, stereo } = properties
  const channels = audiochannels ?? (typeof stereo === 'boolean' ? Number(stereo) + 1 : undefined)
  return {
    ...withFourCc(properties, 'audiocodecid', soundFourCc),
    ...(audiosamplerate !== undefined && { samplerate: audiosamplerate }),
    ...(channels !== undefined && { channels })
  }
}

/** A legacy codec id in place of which a Multitrack packet has a FourCC, as the number that metadata has. */
function withFourCc(properties: AmfObject, key: string, fourCcOf: (id: number) => string | undefined): AmfObject {
  const id: AmfValue = properties[key]
  const fourCc = typeof id === 'number' ? fourCcOf(id) : undefined
  return fourCc === undefined ? properties : { ...properties, [key]: Buffer.from(fourCc, 'latin1').readUInt32BE() }
}
