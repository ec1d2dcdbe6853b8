import { crc32, deflateSync, inflateSync } from 'node:zlib'

// Screenshots of text have few colours: with a palette of 256 they take a quarter of the room and look the same.

interface Bitmap {
  readonly width: number
  readonly height: number
  /** Red, green and blue of each pixel, row by row. */
  readonly pixels: Uint8Array
}

/** The same picture with at most 256 colours. Takes what Chromium makes: eight bits a channel, not interlaced. */
export function smallPng(png: Buffer): Buffer {
  const bitmap = read(png)
  const { palette, indexed } = quantized(bitmap)
  const rows = Buffer.alloc((bitmap.width + 1) * bitmap.height)
  for (let y = 0; y < bitmap.height; y += 1)
    rows.set(indexed.subarray(y * bitmap.width, (y + 1) * bitmap.width), y * (bitmap.width + 1) + 1)
  const header = Buffer.alloc(13)
  header.writeUInt32BE(bitmap.width, 0)
  header.writeUInt32BE(bitmap.height, 4)
  header.set([8, 3, 0, 0, 0], 8)
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('PLTE', Buffer.from(palette.flatMap((one) => [one >> 16, (one >> 8) & 255, one & 255]))),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])

function chunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const framed = Buffer.alloc(named.length + 8)
  framed.writeUInt32BE(data.length, 0)
  framed.set(named, 4)
  framed.writeUInt32BE(crc32(named), named.length + 4)
  return framed
}

function read(png: Buffer): Bitmap {
  const width = png.readUInt32BE(16)
  const height = png.readUInt32BE(20)
  const [depth, type, , , interlaced] = png.subarray(24, 29)
  if (depth !== 8 || (type !== 2 && type !== 6) || interlaced !== 0) throw new Error('not a screenshot of Chromium')
  const data: Buffer[] = []
  for (let at = 8; at < png.length;) {
    const length = png.readUInt32BE(at)
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT') data.push(png.subarray(at + 8, at + 8 + length))
    at += length + 12
  }
  const channels = type === 6 ? 4 : 3
  const raw = unfiltered(inflateSync(Buffer.concat(data)), width * channels, height, channels)
  const pixels = new Uint8Array(width * height * 3)
  for (let pixel = 0; pixel < width * height; pixel += 1)
    pixels.set(raw.subarray(pixel * channels, pixel * channels + 3), pixel * 3)
  return { width, height, pixels }
}

/** https://www.w3.org/TR/png-3/#9Filters */
function unfiltered(filtered: Buffer, stride: number, height: number, step: number): Uint8Array {
  const out = new Uint8Array(stride * height)
  for (let y = 0; y < height; y += 1) {
    const filter = filtered[y * (stride + 1)] ?? 0
    for (let x = 0; x < stride; x += 1) {
      const at = y * stride + x
      const left = x >= step ? (out[at - step] ?? 0) : 0
      const up = y > 0 ? (out[at - stride] ?? 0) : 0
      const corner = x >= step && y > 0 ? (out[at - stride - step] ?? 0) : 0
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter] ?? 0
      out[at] = (filtered[y * (stride + 1) + 1 + x] ?? 0) + guess
    }
  }
  return out
}

function paeth(left: number, up: number, corner: number): number {
  const [byLeft, byUp, byCorner] = [up - corner, left - corner, left + up - 2 * corner].map(Math.abs) as [
    number,
    number,
    number,
  ]
  if (byLeft <= byUp && byLeft <= byCorner) return left
  return byUp <= byCorner ? up : corner
}

/** The most frequent colours, three bits off; the rest become the nearest of them. */
function quantized({ pixels }: Bitmap): { readonly palette: readonly number[]; readonly indexed: Uint8Array } {
  const count = pixels.length / 3
  const colours = new Uint32Array(count)
  const frequency = new Map<number, number>()
  for (let pixel = 0; pixel < count; pixel += 1) {
    const [red = 0, green = 0, blue = 0] = pixels.subarray(pixel * 3, pixel * 3 + 3)
    const colour = (rounded(red) << 16) | (rounded(green) << 8) | rounded(blue)
    colours[pixel] = colour
    frequency.set(colour, (frequency.get(colour) ?? 0) + 1)
  }
  const palette = [...frequency]
    .sort((a, b) => b[1] - a[1])
    .slice(0, 256)
    .map(([colour]) => colour)
  const index = new Map([...frequency.keys()].map((colour) => [colour, nearest(colour, palette)]))
  return { palette, indexed: Uint8Array.from(colours, (colour) => index.get(colour) ?? 0) }
}

function rounded(channel: number): number {
  const high = channel & 0xf8
  return high | (high >> 5)
}

function nearest(colour: number, palette: readonly number[]): number {
  let best = 0
  let least = Infinity
  for (const [index, it] of palette.entries()) {
    const distance = [16, 8, 0].reduce(
      (sum, shift) => sum + (((colour >> shift) & 255) - ((it >> shift) & 255)) ** 2,
      0,
    )
    if (distance < least) [best, least] = [index, distance]
  }
  return best
}
