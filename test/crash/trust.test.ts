/** Keys, trails and what objects tell, under every disturbance of the database. */

import { tellWithDisturbances } from './house-tellings.ts';
import { story } from './trust-story.ts';

tellWithDisturbances('keys, records and listeners are', story, import.meta.resolve('./trust-story.ts'), 67);
