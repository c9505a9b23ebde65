"""Built-in survey forms, one SurveyJS JSON file each."""
