import { createRoot } from 'react-dom/client'
import { App } from './app.tsx'
import 'slack-blocks-to-jsx/dist/style.css'
import './style/colours.css'
import './style/frame.css'
import './style/messages.css'
import './style/tour.css'
import './style/blocks.css'
import './style/forms.css'
import './style/phone.css'

createRoot(document.getElementById('app')!).render(<App />)
