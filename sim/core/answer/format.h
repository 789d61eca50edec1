/* format.h - Name the forms in which a command answers (--format). */
#ifndef FORMAT_H
#define FORMAT_H

enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_CSV, FORMAT_COUNT };

#endif
