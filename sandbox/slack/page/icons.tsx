import type { ReactNode } from 'react'

const paths = {
  anchor: 'M8 5v9.5M5 7.5h6M2 9.5c.4 3 2.8 5 6 5s5.60-2 6-5M8 5a1.75 1.75 0 1 0 0-3.5A1.75 1.75 0 0 0 8 5Z',
  close: 'M3.50 3.5l9 9M12.5 3.5l-9 9',
  copy: 'M5.50 5.5h8v9h-8zM10.5 5.5v-4h-8v9h3',
  done: 'M3 8.5l3.50 3.5L13 4.5',
  down: 'M4 6.5l4 4 4-4',
  eye: 'M1 8s2.60-4.5 7-4.5S15 8 15 8s-2.6 4.5-7 4.5S1 8 1 8Zm7 2.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4Z',
  file: 'M4 1.5h5L13 5.5v9H4zM9 1.5v4h4M6 8.5h5M6 11h5',
  home: 'M2 8l6-5.5L14 8M3.50 7v6.5h9V7M6.5 13.5v-4h3v4',
  link: 'M6.50 9.5l3-3M7 4.5l1.5-1.5a3 3 0 0 1 4.5 4.5L11.5 9M9 11.5L7.5 13A3 3 0 0 1 3 8.5L4.5 7',
  lock: 'M4 7.5h8v6H4zM5.50 7.5V5a2.5 2.5 0 0 1 5 0v2.5',
  menu: 'M2 4h12M2 8h12M2 12h12',
  moon: 'M13.50 9.5A6 6 0 0 1 6.5 2.5a6 6 0 1 0 7 7Z',
  send: 'M2 13.5L14.50 8 2 2.5l2 5.5zM4 8h5',
  sun: 'M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM8 1v1.5M8 13.5V15M1 8h1.5M13.50 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1',
  thread: 'M2 2.5h12v8H8l-3.50 3v-3H2z',
  traffic: 'M2 5h11M10 2l3 3-3 3M14 11H3M6 8l-3 3 3 3',
} as const

/** A line drawing: emoji look different, or like empty boxes, on every machine. */
export function Icon({ name }: { readonly name: keyof typeof paths }): ReactNode {
  return (
    <svg viewBox="0 0 16 16" className="icon" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  )
}
