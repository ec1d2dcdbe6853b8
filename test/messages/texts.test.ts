import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { galleryTexts } from '../../scripts/gallery-texts.ts'

it('keeps docs/messages/texts.md fresh (npm run gallery -- --texts writes it)', () => {
  const page = readFileSync(new URL('../../docs/messages/texts.md', import.meta.url), 'utf8')
  expect(page, 'npm run gallery -- --texts writes it').toBe(galleryTexts())
})
