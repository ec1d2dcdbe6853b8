import { describe, expect, it } from 'vitest'
import { sameUrl } from '../../src/model/same-url.ts'

const url = 'https://api.valuecanvas.com/api/billing/webhooks/stripe'

describe('two spellings of an address', () => {
  it.each([
    [url, url],
    ['HTTPS://api.valuecanvas.com/api/billing/webhooks/stripe', url],
    ['https://API.ValueCanvas.com/api/billing/webhooks/stripe', url],
    ['https://api.valuecanvas.com:443/api/billing/webhooks/stripe', url],
    ['https://api.valuecanvas.com./api/billing/webhooks/stripe', url],
    ['https://api.valuecanvas.com/api/./billing/webhooks/stripe', url],
    ['https://api.valuecanvas.com/api/x/../billing/webhooks/stripe', url],
    [`${url}#top`, url],
    ['http://localhost:80/a', 'http://localhost/a'],
    ['https://api.valuecanvas.com', 'https://api.valuecanvas.com/'],
    ['https://bücher.example/a', 'https://xn--bcher-kva.example/a'],
    ['https://a.example/%7euser', 'https://a.example/%7Euser'],
    ['https://stripe:[masked]@a.example/hooks', 'https://stripe:correct-horse@a.example/hooks'],
  ])('%s is %s', (one, other) => {
    expect(sameUrl(one, other)).toBe(true)
    expect(sameUrl(other, one)).toBe(true)
  })

  it.each([
    [`${url}/`, url],
    [`${url}?a=1`, url],
    [url.replace('billing', 'Billing'), url],
    [url.replace('https', 'http'), url],
    [url.replace('.com', '.com:8443'), url],
    [url.replace('api.', 'eu.api.'), url],
    ['https://stripe:former-horse@a.example/hooks', 'https://stripe:correct-horse@a.example/hooks'],
    ['https://stripe:[masked]@a.example/hooks', 'https://stripe:correct-horse@b.example/hooks'],
    ['not a URL', url],
    ['not a URL', 'Not a URL'],
    ['', url],
  ])('%s is not %s', (one, other) => {
    expect(sameUrl(one, other)).toBe(false)
    expect(sameUrl(other, one)).toBe(false)
  })
})
