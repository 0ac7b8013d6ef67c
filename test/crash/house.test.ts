/** The real machines under every disturbance of the database: a release in a whole house. */

import { tellWithDisturbances } from './house-tellings.ts';
import { story } from './house-story.ts';

tellWithDisturbances('the release arrives', story, import.meta.resolve('./house-story.ts'), 4);
