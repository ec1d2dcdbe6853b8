import { useEffect, useState } from 'react'

const toastMs = 6000

/** A line that tells something and goes away. */
export function useToast(): [string, (text: string) => void] {
  const [toast, setToast] = useState('')
  useEffect(() => {
    const timer = setTimeout(() => setToast(''), toastMs)
    return () => clearTimeout(timer)
  }, [toast])
  return [toast, setToast]
}
