import { languageScenarios } from './languages.ts'

// The compilers that take their time are in tests/long.
languageScenarios(['typescript', 'python', 'c'])
